//! Runtime classes.

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::api::node::v1::RuntimeClass;

use super::format::dns_label;
use super::object_meta::{labels, object_meta, object_meta_update};
use super::renamed_label::renamed;
use super::{ErrorList, NameForm, Path, pod, resources};

pub fn runtime_class(class: &RuntimeClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    errors.invalid_each(&Path::new("handler"), &class.handler, dns_label(&class.handler));
    if let Some(overhead) = &class.overhead {
        let fixed = ResourceRequirements { limits: overhead.pod_fixed.clone(), ..ResourceRequirements::default() };
        resources::requirements(Some(&fixed), &[], &Path::new("overhead"), &mut errors);
    }
    if let Some(scheduling) = &class.scheduling {
        let path = Path::new("scheduling");
        labels(scheduling.node_selector.as_ref(), &path.child("nodeSelector"), &mut errors);
        tolerations(scheduling.tolerations.as_deref().unwrap_or_default(), &path.child("tolerations"), &mut errors);
    }
    errors
}

fn tolerations(tolerations: &[Toleration], path: &Path, errors: &mut ErrorList) {
    pod::tolerations(tolerations, path, errors);
    let key = |toleration: &Toleration| Toleration { toleration_seconds: None, ..toleration.clone() };
    for (index, toleration) in tolerations.iter().enumerate() {
        if tolerations[..index].iter().any(|other| key(other) == key(toleration)) {
            errors.duplicate(&path.index(index), pod::struct_of(toleration));
        }
    }
}

pub fn runtime_class_update(new: &RuntimeClass, old: &RuntimeClass) -> ErrorList {
    let mut errors = runtime_class(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    errors.immutable(&Path::new("handler"), &new.handler, &old.handler, &new.handler);
    errors
}

/// Nodes are no longer named by these labels.
pub fn runtime_class_warnings(class: &RuntimeClass, _old: Option<&RuntimeClass>) -> Vec<String> {
    let selector = class.scheduling.iter().flat_map(|scheduling| scheduling.node_selector.iter().flatten());
    let path = Path::new("scheduling");
    selector.filter_map(|(label, _)| Some(format!("{}: {}", path.child("nodeSelector"), renamed(label)?))).collect()
}

//! Replication controllers.

use k8s_openapi::api::core::v1::{ReplicationController, ReplicationControllerSpec};
use serde_json::json;

use super::numbers::not_negative;
use super::object_meta::{object_meta, object_meta_update};
use super::pod::template_spec;
use super::{ErrorList, NameForm, Path};

pub fn replication_controller(controller: &ReplicationController) -> ErrorList {
    let mut errors = object_meta(&controller.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(controller, &mut errors);
    errors
}

pub fn replication_controller_update(new: &ReplicationController, old: &ReplicationController) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    spec(new, &mut errors);
    errors
}

/// What its controller reports: counts that fit each other.
pub fn replication_controller_status_update(new: &ReplicationController, old: &ReplicationController) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let status = new.status.clone().unwrap_or_default();
    let path = Path::new("status");
    let counts = [
        ("replicas", Some(status.replicas)),
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    for (field, count) in counts {
        not_negative(count, &path.child(field), &mut errors);
    }
    not_negative(status.observed_generation, &path.child("observedGeneration"), &mut errors);
    for (field, count) in &counts[1..] {
        if let Some(count) = count.filter(|count| *count > status.replicas) {
            errors.invalid(&path.child(field), count, "cannot be greater than status.replicas");
        }
    }
    if let (Some(available), Some(ready)) = (status.available_replicas, status.ready_replicas)
        && available > ready
    {
        errors.invalid(&path.child("availableReplicas"), available, "cannot be greater than readyReplicas");
    }
    errors
}

fn spec(controller: &ReplicationController, errors: &mut ErrorList) {
    let path = Path::new("spec");
    let empty = ReplicationControllerSpec::default();
    let spec = controller.spec.as_ref().unwrap_or(&empty);
    not_negative(spec.min_ready_seconds, &path.child("minReadySeconds"), errors);
    if spec.selector.as_ref().is_none_or(|selector| selector.is_empty()) {
        errors.required(&path.child("selector"), "");
    }
    not_negative(spec.replicas, &path.child("replicas"), errors);
    let path = path.child("template");
    let Some(template) = &spec.template else { return errors.required(&path, "") };
    if let Some(selector) = spec.selector.as_ref().filter(|selector| !selector.is_empty()) {
        let of_template = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
        if selector.iter().any(|(key, value)| of_template.get(key) != Some(value)) {
            let at = path.child("metadata");
            errors.invalid(&at.child("labels"), json!(of_template), "`selector` does not match template `labels`");
        }
    }
    template_spec(template, &path, errors);
    let pod = template.spec.as_ref();
    let at = path.child("spec");
    if let Some(policy) = pod.and_then(|pod| pod.restart_policy.as_deref()).filter(|policy| *policy != "Always") {
        errors.not_supported(&at.child("restartPolicy"), policy, &["Always"]);
    }
    if pod.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        errors.forbidden(&at.child("activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicationController is not Supported");
    }
}

//! Persistent volume claims.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate};

use super::difference::difference;
use super::format::dns_subdomain;
use super::label_selector::label_selector;
use super::object_meta::{annotations, labels, object_meta, object_meta_update};
use super::words::{one_of, required};
use super::{ErrorList, NameForm, Path, resources};
use crate::api::quantity::Quantity;

pub const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
pub const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

/// The claim that a pod brings with it.
pub fn claim_template(template: &PersistentVolumeClaimTemplate, path: &Path, errors: &mut ErrorList) {
    let metadata = template.metadata.as_ref();
    labels(metadata.and_then(|metadata| metadata.labels.as_ref()), &path.child("metadata").child("labels"), errors);
    annotations(metadata.and_then(|metadata| metadata.annotations.as_ref()), &path.child("metadata").child("annotations"), errors);
    claim_spec(&template.spec, &path.child("spec"), errors);
}

pub fn persistent_volume_claim(claim: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = object_meta(&claim.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    claim_spec(&claim.spec.clone().unwrap_or_default(), &Path::new("spec"), &mut errors);
    errors
}

/// One or more modes of access, of which the strictest stands alone.
pub fn access_modes(modes: &[String], path: &Path, errors: &mut ErrorList) {
    if modes.is_empty() {
        errors.required(path, "at least 1 access mode is required");
    }
    for mode in modes {
        one_of(Some(mode), &ACCESS_MODES, path, errors);
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

pub fn claim_spec(spec: &PersistentVolumeClaimSpec, path: &Path, errors: &mut ErrorList) {
    access_modes(spec.access_modes.as_deref().unwrap_or_default(), &path.child("accessModes"), errors);
    label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    let at = path.child("resources");
    let at = at.child("requests");
    match spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()).and_then(|requests| requests.get("storage")) {
        None => errors.required(&at.key("storage"), ""),
        Some(text) => {
            let storage = resources::amount(text);
            if storage.value() <= 0 {
                errors.invalid(&at.key("storage"), &storage.to_string(), "must be greater than zero");
            }
        }
    }
    if let Some(class) = spec.storage_class_name.as_deref().filter(|class| !class.is_empty()) {
        errors.invalid_each(&path.child("storageClassName"), class, dns_subdomain(class));
    }
    one_of(spec.volume_mode.as_deref(), &VOLUME_MODES, &path.child("volumeMode"), errors);
    if let Some(source) = &spec.data_source {
        data_source(&source.kind, &source.name, source.api_group.as_deref(), &path.child("dataSource"), errors);
    }
    if let Some(source) = &spec.data_source_ref {
        data_source(&source.kind, &source.name, source.api_group.as_deref(), &path.child("dataSourceRef"), errors);
    }
    if let Some(class) = spec.volume_attributes_class_name.as_deref().filter(|class| !class.is_empty()) {
        errors.invalid_each(&path.child("volumeAttributesClassName"), class, dns_subdomain(class));
    }
}

fn data_source(kind: &str, name: &str, group: Option<&str>, path: &Path, errors: &mut ErrorList) {
    required(name, &path.child("name"), errors);
    required(kind, &path.child("kind"), errors);
    let group = group.unwrap_or_default();
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        errors.invalid(path, kind, "");
    }
    if !group.is_empty() {
        errors.invalid_each(&path.child("apiGroup"), group, dns_subdomain(group));
    }
}

pub fn persistent_volume_claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(persistent_volume_claim(new));
    let (new_spec, mut old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let mut allowed = new_spec.clone();
    // The name of the volume and the class may be set once.
    if old_spec.volume_name.as_deref().unwrap_or_default().is_empty() {
        old_spec.volume_name.clone_from(&allowed.volume_name);
    }
    if old_spec.storage_class_name.is_none() {
        old_spec.storage_class_name.clone_from(&allowed.storage_class_name);
    }
    let (new_size, old_size) = (requested(&new_spec), requested(&old_spec));
    if old.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound") {
        allowed.resources.clone_from(&old_spec.resources);
        allowed.volume_attributes_class_name.clone_from(&old_spec.volume_attributes_class_name);
    }
    if allowed != old_spec {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.forbidden(&Path::new("spec"), &format!("{why}\n{}", difference(&allowed, &old_spec)));
    }
    let capacity = old.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage")).map(resources::amount);
    if new_size < old_size && capacity.is_none_or(|capacity| new_size.is_none_or(|size| size <= capacity)) {
        let path = Path::new("spec");
        let path = path.child("resources");
        errors.forbidden(&path.child("requests").child("storage"), "field can not be less than status.capacity");
    }
    errors.immutable(&Path::new("volumeMode"), &new_spec.volume_mode, &old_spec.volume_mode, &new_spec.volume_mode);
    errors
}

fn requested(spec: &PersistentVolumeClaimSpec) -> Option<Quantity> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage").map(resources::amount)
}

pub fn persistent_volume_claim_status_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
}

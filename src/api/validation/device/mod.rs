//! Devices: their classes, claims and slices (KEP-4381). What belongs to features that are not on by default was dropped before.

mod claim;
mod configuration;
mod name;
mod selector;
mod slice;
mod status;

use k8s_openapi::api::resource::v1::{DeviceClass, DeviceClassSpec, ResourceClaim, ResourceClaimTemplate, ResourceSlice};

use super::object_meta::{annotations, labels, object_meta, object_meta_update};
use super::{ErrorList, NameForm, Path, pod};

/// The most requests, selectors, constraints and configurations that each list of them has.
const LIST_SIZE: usize = 32;

/// Judges the items of a list, unless it is too long: then only that is said.
fn each<T>(items: &[T], most: usize, path: &Path, errors: &mut ErrorList, mut judge: impl FnMut(&T, &Path, &mut ErrorList)) {
    if items.len() > most {
        return errors.too_many(path, items.len(), most);
    }
    for (index, item) in items.iter().enumerate() {
        judge(item, &path.index(index), errors);
    }
}

/// Names every item that is the same as one before it, unless the list is too long.
fn unique<'a>(keys: impl IntoIterator<Item = &'a str>, most: usize, path: &Path, errors: &mut ErrorList) {
    let keys: Vec<&str> = keys.into_iter().collect();
    if keys.len() > most {
        return;
    }
    for (index, key) in keys.iter().enumerate().filter(|(index, key)| keys[..*index].contains(key)) {
        errors.duplicate(&path.index(index), *key);
    }
}

pub fn device_class(class: &DeviceClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    class_specification(class, None, &mut errors);
    errors
}

pub fn device_class_update(new: &DeviceClass, old: &DeviceClass) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    class_specification(new, Some(&old.spec), &mut errors);
    errors
}

/// What a class said before is not judged again.
fn class_specification(class: &DeviceClass, old: Option<&DeviceClassSpec>, errors: &mut ErrorList) {
    let (spec, path) = (&class.spec, Path::new("spec"));
    let is_stored = old.is_some_and(|old| old.selectors == spec.selectors);
    selector::selectors(spec.selectors.as_deref().unwrap_or_default(), is_stored, &path.child("selectors"), errors);
    let is_stored = old.is_some_and(|old| old.config == spec.config);
    each(spec.config.as_deref().unwrap_or_default(), LIST_SIZE, &path.child("config"), errors, |one, path, errors| {
        configuration::opaque(one.opaque.as_ref(), is_stored, path, errors);
    });
}

pub fn resource_claim(claim: &ResourceClaim) -> ErrorList {
    let mut errors = object_meta(&claim.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    claim::devices(claim.spec.devices.as_ref(), false, &Path::new("spec").child("devices"), &mut errors);
    errors
}

pub fn resource_claim_update(new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.immutable(&Path::new("spec"), &new.spec, &old.spec, pod::struct_of(&new.spec));
    claim::devices(new.spec.devices.as_ref(), true, &Path::new("spec").child("devices"), &mut errors);
    errors
}

pub fn resource_claim_status_update(new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    status::status(new, old, &Path::new("status"), &mut errors);
    errors
}

pub fn resource_claim_template(template: &ResourceClaimTemplate) -> ErrorList {
    let mut errors = object_meta(&template.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    template_specification(template, false, &mut errors);
    errors
}

pub fn resource_claim_template_update(new: &ResourceClaimTemplate, old: &ResourceClaimTemplate) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.immutable(&Path::new("spec"), &new.spec, &old.spec, pod::struct_of(&new.spec));
    template_specification(new, true, &mut errors);
    errors
}

fn template_specification(template: &ResourceClaimTemplate, is_stored: bool, errors: &mut ErrorList) {
    let path = Path::new("spec");
    let metadata = template.spec.metadata.as_ref();
    let at = path.child("metadata");
    annotations(metadata.and_then(|metadata| metadata.annotations.as_ref()), &at.child("annotations"), errors);
    labels(metadata.and_then(|metadata| metadata.labels.as_ref()), &at.child("labels"), errors);
    claim::devices(template.spec.spec.devices.as_ref(), is_stored, &path.child("spec").child("devices"), errors);
}

pub fn resource_slice(slice: &ResourceSlice) -> ErrorList {
    let mut errors = object_meta(&slice.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    slice::specification(&slice.spec, None, &Path::new("spec"), &mut errors);
    errors
}

pub fn resource_slice_update(new: &ResourceSlice, old: &ResourceSlice) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    slice::specification(&new.spec, Some(&old.spec), &Path::new("spec"), &mut errors);
    errors
}

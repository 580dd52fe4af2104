//! Storage classes, and classes of volumes' attributes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::TopologySelectorTerm;
use k8s_openapi::api::storage::v1::{StorageClass, VolumeAttributesClass};

use super::format::qualified_name;
use super::object_meta::{object_meta, object_meta_update};
use super::renamed_label::renamed;
use super::words::required_one_of;
use super::{ErrorList, NameForm, Path};

const BINDING_MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
const RECLAIM_POLICIES: [&str; 2] = ["Delete", "Retain"];
const PARAMETERS: usize = 512;
/// Keys and values of all parameters together: 256 KiB.
const PARAMETERS_LENGTH: usize = 256 * 1024;

type Parameters = BTreeMap<String, String>;

pub fn storage_class(class: &StorageClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    driver(&class.provisioner, &Path::new("provisioner"), &mut errors);
    parameters(class.parameters.as_ref(), &Path::new("parameters"), &mut errors);
    let policy = class.reclaim_policy.as_deref().unwrap_or_default();
    if !policy.is_empty() && !RECLAIM_POLICIES.contains(&policy) {
        errors.not_supported(&Path::new("reclaimPolicy"), policy, &RECLAIM_POLICIES);
    }
    match class.volume_binding_mode.as_deref() {
        Some("") => errors.not_supported(&Path::new("volumeBindingMode"), "", &BINDING_MODES),
        mode => required_one_of(mode, &BINDING_MODES, &Path::new("volumeBindingMode"), &mut errors),
    }
    topologies(class.allowed_topologies.as_deref().unwrap_or_default(), &Path::new("allowedTopologies"), &mut errors);
    errors
}

fn driver(name: &str, path: &Path, errors: &mut ErrorList) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    let lower = name.to_lowercase();
    errors.invalid_each(path, &lower, qualified_name(&lower));
}

fn parameters(parameters: Option<&Parameters>, path: &Path, errors: &mut ErrorList) {
    let Some(parameters) = parameters else { return };
    if parameters.len() > PARAMETERS {
        return errors.too_long(path, PARAMETERS);
    }
    if parameters.contains_key("") {
        errors.invalid(path, "", "field can not be empty.");
    }
    if parameters.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > PARAMETERS_LENGTH {
        errors.too_long(path, PARAMETERS_LENGTH);
    }
}

/// Each term is another; upstream compares them with as many empty ones, too.
fn topologies(terms: &[TopologySelectorTerm], path: &Path, errors: &mut ErrorList) {
    let mut seen = vec![BTreeMap::new(); terms.len()];
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index);
        let path = path.child("matchLabelExpressions");
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (index, requirement) in term.match_label_expressions.iter().flatten().enumerate() {
            let path = path.index(index);
            let at = path.child("values");
            if requirement.values.is_empty() {
                errors.required(&at, "");
            }
            let mut values = BTreeSet::new();
            for (index, value) in requirement.values.iter().enumerate() {
                if !values.insert(value.as_str()) {
                    errors.duplicate(&at.index(index), value);
                }
            }
            errors.invalid_each(&path.child("key"), &requirement.key, qualified_name(&requirement.key));
            if keys.insert(&requirement.key, values).is_some() {
                errors.duplicate(&path.child("key"), &requirement.key);
            }
        }
        for _ in seen.iter().filter(|other| **other == keys) {
            errors.duplicate(&path, "");
        }
        seen.push(keys);
    }
}

/// Nodes are no longer named by these labels.
pub fn storage_class_warnings(class: &StorageClass, _old: Option<&StorageClass>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, term) in class.allowed_topologies.iter().flatten().enumerate() {
        let path = Path::new("allowedTopologies");
        let path = path.index(index);
        let path = path.child("matchLabelExpressions");
        for (index, requirement) in term.match_label_expressions.iter().flatten().enumerate() {
            warnings.extend(renamed(&requirement.key).map(|why| format!("{}: {why}", path.index(index).child("key"))));
        }
    }
    warnings
}

/// How volumes are made does not change.
pub fn storage_class_update(new: &StorageClass, old: &StorageClass) -> ErrorList {
    let mut errors = storage_class(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    for (field, is_same) in [
        ("parameters", new.parameters == old.parameters),
        ("provisioner", new.provisioner == old.provisioner),
        ("reclaimPolicy", new.reclaim_policy == old.reclaim_policy),
    ] {
        unchanged(field, is_same, &mut errors);
    }
    errors.immutable(&Path::new("volumeBindingMode"), &new.volume_binding_mode, &old.volume_binding_mode, &new.volume_binding_mode);
    errors
}

fn unchanged(field: &str, is_same: bool, errors: &mut ErrorList) {
    if !is_same {
        errors.forbidden(&Path::new(field), &format!("updates to {field} are forbidden."));
    }
}

pub fn volume_attributes_class(class: &VolumeAttributesClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    driver(&class.driver_name, &Path::new("driverName"), &mut errors);
    let path = Path::new("parameters");
    parameters(class.parameters.as_ref(), &path, &mut errors);
    if class.parameters.as_ref().is_none_or(|parameters| parameters.is_empty()) {
        errors.required(&path, "must contain at least one key/value pair");
    }
    errors
}

pub fn volume_attributes_class_update(new: &VolumeAttributesClass, old: &VolumeAttributesClass) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    unchanged("driverName", new.driver_name == old.driver_name, &mut errors);
    unchanged("parameters", new.parameters == old.parameters, &mut errors);
    errors.extend(volume_attributes_class(new));
    errors
}

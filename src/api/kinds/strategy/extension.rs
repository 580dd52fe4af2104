//! Definitions of custom resources, and what else has a status that others write.

use serde_json::{Value, json};

use super::{put, restore};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

/// Who writes the status writes nothing else (`metav1.ResetObjectMetaForStatus`).
pub fn status_only(object: &mut Value, old: &Value, subresource: Option<Subresource>) {
    if subresource != Some(Subresource::Status) {
        return;
    }
    let (Some(metadata), Some(before)) = (object.get_mut("metadata"), old.get("metadata")) else { return };
    for field in ["labels", "annotations", "ownerReferences", "finalizers"] {
        restore(metadata, before, field);
    }
}

/// The version in which objects are stored joins those in which some may be stored.
pub fn custom_resource_definition(definition: &mut Value) {
    let version = definition.list("/spec/versions").iter().find(|version| version.flag("/storage"));
    let Some(name) = version.map(|version| version["name"].clone()) else { return };
    let mut stored = definition.list("/status/storedVersions").to_vec();
    if !stored.contains(&name) {
        stored.push(name);
        put(definition, "status", "storedVersions", json!(stored));
    }
}

pub fn custom_resource_definition_update(definition: &mut Value, _old: &Value, subresource: Option<Subresource>) {
    if subresource.is_none() {
        custom_resource_definition(definition);
    }
}

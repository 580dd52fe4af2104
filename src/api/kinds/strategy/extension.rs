//! Definitions of custom resources.

use serde_json::{Value, json};

use super::put;
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

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

//! Definitions of custom resources.

use serde_json::{Value, json};

use super::put;
use crate::api::custom::CLEANUP;
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;
use crate::api::schema::written;
use crate::runtime::clock;

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

/// Instances go first: until they have, a finalizer holds the definition back.
pub fn custom_resource_definition_delete(definition: &mut Value) {
    let mut finalizers = definition.list("/metadata/finalizers").to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
        finalizers.push(CLEANUP.into());
    }
    put(definition, "metadata", "finalizers", json!(finalizers));
    let mut conditions = definition.list("/status/conditions").to_vec();
    let terminating = json!({
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": written(clock::now()),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will occur as soon as possible",
    });
    match conditions.iter_mut().find(|condition| condition["type"] == "Terminating") {
        Some(condition) => *condition = terminating,
        None => conditions.push(terminating),
    }
    put(definition, "status", "conditions", json!(conditions));
}

pub fn custom_resource_definition_update(definition: &mut Value, _old: &Value, subresource: Option<Subresource>) {
    if subresource.is_none() {
        custom_resource_definition(definition);
    }
}

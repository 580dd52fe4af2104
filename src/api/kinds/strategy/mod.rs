//! What only the server decides on in an object, at creation and at update (upstream: the registry strategies).

use serde_json::{Map, Value};

mod apps;
mod batch;
mod cluster;
mod extension;
mod pod;
mod storage;

pub use apps::{daemon_set, daemon_set_update, deployment_update, stateful_set, stateful_set_update};
pub use batch::{job, job_update};
pub use cluster::{endpoint_slice_update, lease, lease_update, namespace, namespace_update};
pub use extension::{custom_resource_definition, custom_resource_definition_update, status_only};
pub use pod::{pod, pod_update};
pub use storage::{persistent_volume, persistent_volume_claim, persistent_volume_update};

/// Sets a field of the object at the top of another.
fn put(object: &mut Value, parent: &str, field: &str, value: impl Into<Value>) {
    let Some(object) = object.as_object_mut() else { return };
    let parent = object.entry(parent).or_insert_with(|| Map::new().into());
    if let Some(parent) = parent.as_object_mut() {
        parent.insert(field.to_owned(), value.into());
    }
}

/// Makes a top-level field what it was before.
fn restore(new: &mut Value, old: &Value, field: &str) {
    let Some(new) = new.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => new.insert(field.to_owned(), value.clone()),
        None => new.remove(field),
    };
}

//! What only the server decides on in an object, at creation and at update (upstream: the registry strategies).

use serde_json::{Map, Value};

mod apps;
mod batch;
mod certificate;
mod cluster;
mod device;
mod extension;
mod pod;
mod storage;

pub use apps::{daemon_set, daemon_set_update, deployment_update, stateful_set, stateful_set_update};
pub use batch::{job, job_update};
pub use certificate::certificate_signing_request_update;
pub use cluster::{endpoint_slice_update, lease, lease_update, namespace, namespace_update};
pub use device::{device_class, resource_claim, resource_claim_template, resource_claim_update, resource_slice};
pub use extension::{custom_resource_definition, custom_resource_definition_delete, custom_resource_definition_update};
pub use pod::{pod, pod_update};
pub use storage::{csi_driver_update, persistent_volume, persistent_volume_claim, persistent_volume_update};

use crate::api::kinds::Subresource;
use crate::api::schema::written;
use crate::runtime::clock;

/// Now, as `metav1.Time` is written.
fn now() -> String {
    written(clock::now())
}

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

/// A change of the status changes nothing else: neither labels nor who owns the object (`metav1.ResetObjectMetaForStatus`).
pub fn status_alone(new: &mut Value, old: &Value, subresource: Option<Subresource>) {
    if subresource != Some(Subresource::Status) {
        return;
    }
    let (Some(metadata), Some(before)) = (new.get_mut("metadata"), old.get("metadata")) else { return };
    for field in ["annotations", "finalizers", "labels", "ownerReferences"] {
        restore(metadata, before, field);
    }
}

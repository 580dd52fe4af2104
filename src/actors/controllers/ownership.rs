//! Who owns an object, and how that is changed.

use serde_json::{Value, json};

use crate::api::client::{ClientRef, Patch, WriteOptions};
use crate::api::kinds::{Kind, KindRef};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::store::Stored;

/// The reference that makes `owner` the controller of an object.
pub fn controller_reference(kind: &Kind, owner: &Object) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.kind(), "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// An object's owner references as they stand in its JSON.
pub fn owner_references(object: &Object) -> Vec<Value> {
    object.value()["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

/// Changes metadata of an object, provided that it is the object, and the version of it, that was judged. `None` if it is gone.
///
/// # Errors
/// `Conflict` if it has changed in between, and whatever else the API has to say.
pub async fn change_metadata(
    client: &ClientRef,
    kind: &KindRef,
    object: &Object,
    field: &str,
    value: Value,
) -> Result<Option<Object>, Status> {
    let metadata = json!({ "uid": object.uid(), "resourceVersion": object.revision().to_string(), field: value });
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    match client.patch(kind, object.namespace(), object.name(), "", patch, &WriteOptions::default()).await {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

//! Changing an object by a patch.

use serde_json::Value;

use super::{Api, Call, Target};
use crate::api::client::Patch;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};

impl Api {
    /// Changes an object, or what of it the subresource stands for. Tried again when another write came first, unless the patched
    /// object names a `resourceVersion`.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`, a patch that does not fit, what admission has against the outcome.
    pub async fn patch(&self, call: &Call, target: &Target, patch: &Patch) -> Result<Object, Status> {
        self.modify(call, target, |old| {
            let mut value = old.value();
            apply(&mut value, patch)?;
            super::metadata::check_name(target, &mut value)?;
            Ok(value)
        })
        .await
    }
}

fn apply(value: &mut Value, patch: &Patch) -> Result<(), Status> {
    match patch {
        Patch::Merge(patch) => json_patch::merge(value, patch),
        Patch::Json(patch) => {
            let operations: json_patch::Patch = serde::Deserialize::deserialize(patch).map_err(Status::internal)?;
            json_patch::patch(value, &operations).map_err(Status::internal)?;
        }
        Patch::Strategic(_) | Patch::Apply(_) => {
            return Err(Status::new(415, Reason::UnsupportedMediaType, "the body of the request was in an unknown format"));
        }
    }
    Ok(())
}

//! Changing an object by a patch.

use serde_json::Value;

use super::update::Manner;
use super::{Api, Call, Target, Updated, metadata};
use crate::api::client::Patch;
use crate::api::kinds::Subresource;
use crate::api::object::Object;
use crate::api::patch;
use crate::api::status::Status;

impl Api {
    /// Changes an object, or what of it the subresource stands for. Tried again when another write came first, unless the patched
    /// object names a `resourceVersion`. `strict` is what strict decoding has against the patch itself.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`, a patch that does not fit, what admission has against the outcome.
    pub async fn patch(&self, call: &Call, target: &Target, patch: &Patch, strict: &[String]) -> Result<Updated, Status> {
        if let Patch::Apply(applied) = patch {
            return match target.subresource {
                Some(Subresource::Scale) => self.apply_scale(call, target, applied).await.map(|object| Updated { object, created: false }),
                _ => self.apply(call, target, applied).await,
            };
        }
        let change = |_: &Object, old: &Value| {
            let mut value = call.heed(patch::apply(target.body(), old, patch, strict, call.options.field_validation)?);
            metadata::check_name(target, &mut value)?;
            Ok(value)
        };
        let object = if target.subresource == Some(Subresource::Scale) {
            self.set_scale(call, target, change).await?
        } else {
            self.modify(call, target, Manner::patch(target), change).await?
        };
        Ok(Updated { object, created: false })
    }
}

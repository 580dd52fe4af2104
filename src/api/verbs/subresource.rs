//! What is posted to a subresource: an order rather than an object.

use serde_json::{Value, json};

use super::{Api, Call, Target};
use crate::api::kinds::Subresource;
use crate::api::status::Status;

impl Api {
    /// Posts to an object's subresource (`binding`, `eviction`).
    ///
    /// # Errors
    /// `MethodNotAllowed` for a subresource that takes no orders; what the order's own rules refuse.
    pub async fn create_subresource(&self, call: &Call, target: &Target, body: Value) -> Result<Value, Status> {
        match target.subresource {
            Some(Subresource::Binding) => self.bind(call, target, &body).await?,
            _ => return Err(Status::method_not_allowed()),
        }
        Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
    }
}

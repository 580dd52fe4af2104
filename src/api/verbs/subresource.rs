//! What is posted to a subresource: an order rather than an object.

use serde_json::{Value, json};

use super::{Api, Call, Target};
use crate::api::admission::extension::Part;
use crate::api::admission::{Operation, Request};
use crate::api::kinds::Subresource;
use crate::api::object::Object;
use crate::api::status::Status;

impl Api {
    /// An object as its subresource shows it.
    ///
    /// # Errors
    /// `NotFound`; `MethodNotAllowed` for a subresource that shows nothing.
    pub async fn get_subresource(&self, target: &Target) -> Result<Object, Status> {
        match target.subresource {
            Some(Subresource::Scale) => self.get_scale(target).await,
            None | Some(Subresource::Status | Subresource::Approval | Subresource::EphemeralContainers | Subresource::Resize) => {
                self.get(&target.kind, &target.namespace, &target.name).await
            }
            Some(_) => Err(Status::method_not_allowed()),
        }
    }

    /// Posts to an object's subresource (`binding`, `eviction`, `token`).
    ///
    /// # Errors
    /// `MethodNotAllowed` for a subresource that takes no orders; what the order's own rules refuse.
    pub async fn create_subresource(&self, call: &Call, target: &Target, body: Value) -> Result<Value, Status> {
        self.consult_about_order(call, target, &body).await?;
        match target.subresource {
            Some(Subresource::Binding) => self.bind(call, target, &body).await?,
            Some(Subresource::Eviction) => self.evict(call, target, &body).await?,
            Some(Subresource::Token) => return self.request_token(call, target, body).await,
            _ => return Err(Status::method_not_allowed()),
        }
        Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
    }

    /// Policies and validating webhooks have their say on what is posted.
    async fn consult_about_order(&self, call: &Call, target: &Target, body: &Value) -> Result<(), Status> {
        let (subresource, sent) = match target.subresource {
            Some(Subresource::Binding) => (Subresource::Binding, ("", "v1", "Binding")),
            Some(Subresource::Eviction) => (Subresource::Eviction, ("policy", "v1", "Eviction")),
            Some(Subresource::Token) => (Subresource::Token, ("authentication.k8s.io", "v1", "TokenRequest")),
            _ => return Ok(()),
        };
        let snapshot = self.fresh().await?;
        let suffix = || self.suffix();
        let request = Request {
            kind: &target.kind,
            operation: Operation::Create,
            subresource: target.subresource,
            namespace: &target.namespace,
            name: &target.name,
            user: &call.user,
            old: None,
            snapshot: &snapshot,
            suffix: &suffix,
        };
        let part = Part { subresource: subresource.name(), kind: Some(sent) };
        self.consult(call, &request, part, Some(body)).await
    }
}

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
        use Subresource as S;
        let Some(order @ (S::Binding | S::Eviction | S::Token)) = target.subresource else { return Err(Status::method_not_allowed()) };
        self.consult_about_order(call, target, order, &body).await?;
        match order {
            S::Binding => self.bind(call, target, &body).await?,
            S::Eviction => self.evict(call, target, &body).await?,
            _ => return self.request_token(call, target, body).await,
        }
        Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
    }

    /// Policies and validating webhooks have their say on what is posted.
    async fn consult_about_order(&self, call: &Call, target: &Target, order: Subresource, body: &Value) -> Result<(), Status> {
        if !self.asks_others() {
            return Ok(());
        }
        let snapshot = self.fresh().await?;
        let suffix = || self.suffix();
        let request = Request::of(Operation::Create, target, &call.user, &snapshot, &suffix);
        let part = Part { subresource: order.name(), kind: order.body().map(|sent| (sent.group, sent.version, sent.kind)) };
        self.consult(call, &request, part, Some(body)).await
    }
}

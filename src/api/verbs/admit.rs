//! Asking those whom users have declared: policies and webhooks.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Api, Call};
use crate::api::admission::extension::{Attributes, Declared, Means, Part};
use crate::api::admission::{self, Request};
use crate::api::client::{DeleteOptions, FieldValidation, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::schema;
use crate::api::status::Status;

impl Api {
    /// The policies and webhooks that there are.
    fn declared(&self) -> Arc<Declared> {
        self.0.catalog.declared(&*self.0.store)
    }

    /// There are policies or webhooks.
    pub(super) fn asks_others(&self) -> bool {
        !self.declared().is_empty()
    }

    fn means<'a>(&'a self, uid: &'a (dyn Fn() -> String + Sync)) -> Means<'a> {
        Means { caller: self.0.settings.webhooks.as_deref(), authorizer: &self.0.authorizer, uid }
    }

    /// Mutating admission: what is built in, and then the webhooks. After those the object is completed again, and admitted again.
    pub(super) async fn complete(&self, call: &Call, request: &Request<'_>, part: Part, object: &mut Value) -> Result<(), Status> {
        admission::mutate(request, object)?;
        let declared = self.declared();
        let Some(webhooks) = &declared.mutating else { return Ok(()) };
        let options = call.told(request.operation);
        let registry = self.registry();
        let write = attributes(request, part, call.options.dry_run, &options, &registry);
        if write.is_exempt() {
            return Ok(());
        }
        let (warnings, changed) = webhooks.mutate(&write, object, self.means(&|| self.uid())).await?;
        warnings.into_iter().for_each(|warning| call.warn(warning));
        if changed {
            let decoded = schema::decode_value(request.kind.into(), object, FieldValidation::Ignore);
            *object = decoded.map_err(|status| Status::internal(status.message))?.value;
            (request.kind.defaults)(object);
            admission::mutate(request, object)?;
        }
        Ok(())
    }

    /// Validating admission of a complete object.
    pub(super) async fn approve(&self, call: &Call, request: &Request<'_>, part: Part, object: &Value) -> Result<(), Status> {
        admission::judge(request, Some(object))?.into_iter().for_each(|warning| call.warn(warning));
        self.consult(call, request, part, Some(object)).await
    }

    /// Policies and validating webhooks, about an object or what is sent to a subresource of it.
    pub(super) async fn consult(&self, call: &Call, request: &Request<'_>, part: Part, object: Option<&Value>) -> Result<(), Status> {
        let declared = self.declared();
        let Declared { policies, validating, .. } = &*declared;
        if policies.is_none() && validating.is_none() {
            return Ok(());
        }
        let options = call.told(request.operation);
        let registry = self.registry();
        let write = attributes(request, part, call.options.dry_run, &options, &registry);
        if write.is_exempt() {
            return Ok(());
        }
        let uid = || self.uid();
        let means = self.means(&uid);
        if let Some(policies) = policies {
            policies.judge(&write, object, means.authorizer)?.into_iter().for_each(|warning| call.warn(warning));
        }
        if let Some(webhooks) = validating {
            webhooks.judge(&write, object, means).await?.into_iter().for_each(|warning| call.warn(warning));
        }
        Ok(())
    }

    /// The same about a deletion.
    pub(super) async fn consult_about_deletion(&self, request: &Request<'_>, options: &DeleteOptions) -> Result<(), Status> {
        if !self.asks_others() {
            return Ok(());
        }
        let key = super::key(request.kind, request.namespace, request.name);
        let old = request.snapshot.get(&key).map(|object| super::shown(request.kind, object).value());
        let request = Request { old: old.as_ref(), ..*request };
        let call = Call::new(request.user.clone(), WriteOptions { dry_run: options.dry_run, ..Default::default() });
        self.consult(&call, &request, Part::WHOLE, None).await
    }
}

fn attributes<'a>(request: &Request<'a>, part: Part, dry_run: bool, options: &'a Value, registry: &'a Registry) -> Attributes<'a> {
    Attributes {
        kind: request.kind,
        part,
        operation: request.operation,
        namespace: request.namespace,
        name: request.name,
        user: request.user,
        dry_run,
        options,
        old: request.old,
        snapshot: request.snapshot,
        registry,
    }
}

impl Call {
    /// The options of the request, as those who are asked see them.
    fn told(&self, operation: admission::Operation) -> Value {
        let kind = match operation {
            admission::Operation::Create => "CreateOptions",
            admission::Operation::Update => "UpdateOptions",
            admission::Operation::Delete => "DeleteOptions",
        };
        let mut options = Map::new();
        options.insert("kind".to_owned(), kind.into());
        options.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
        if self.options.dry_run {
            options.insert("dryRun".to_owned(), json!(["All"]));
        }
        if !self.options.field_manager.is_empty() {
            options.insert("fieldManager".to_owned(), self.options.field_manager.as_str().into());
        }
        options.into()
    }
}

//! What a definition of custom resources leaves behind (upstream: the finalizing controller of its API server): when it is deleted, its
//! instances are deleted first; then it may go.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, ListOptions, WriteOptions};
use crate::api::custom;
use crate::api::kinds::{Kind, KindRef, Registry};
use crate::api::object::Object;
use crate::api::schema::written;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::store::Stored;

/// Instances that wait for finalizers of their own are looked after again when this has passed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reconciles one definition at a time.
pub struct DefinitionCleanup {
    client: ClientRef,
    definitions: InformerHandle,
    kind: KindRef,
}

impl DefinitionCleanup {
    pub fn new(tools: &Tools) -> Self {
        Self {
            client: tools.client.clone(),
            definitions: tools.informers.typed::<CustomResourceDefinition>(),
            kind: Registry::built_in().of::<CustomResourceDefinition>().clone(),
        }
    }

    /// Deletes all instances; says how many are still there.
    async fn empty(&self, kind: Kind) -> Result<usize, Status> {
        let kind = KindRef::new(kind);
        for object in self.client.list(&kind, "", &ListOptions::default()).await?.items {
            if object.meta().deletion_timestamp.is_none() {
                match self.client.delete(&kind, object.namespace(), object.name(), &DeleteOptions::default()).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(self.client.list(&kind, "", &ListOptions::default()).await?.items.len())
    }

    /// Says how far it has come, if that is news.
    async fn tell(&self, definition: &Object, status: &str, reason: &str, message: &str) -> Result<Object, Status> {
        let mut body = definition.value();
        let conditions = body["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let (mut old, mut rest): (Vec<Value>, Vec<Value>) =
            conditions.into_iter().partition(|condition| condition["type"] == "Terminating");
        let old = old.pop().unwrap_or_default();
        let says = |field: &str| old[field].as_str().unwrap_or_default();
        if (says("status"), says("reason"), says("message")) == (status, reason, message) {
            return Ok(definition.clone());
        }
        let since = if says("status") == status { old["lastTransitionTime"].clone() } else { written(clock::now()).into() };
        rest.push(json!({"type": "Terminating", "status": status, "reason": reason, "message": message, "lastTransitionTime": since}));
        body["status"]["conditions"] = rest.into();
        self.client.update(&self.kind, "", definition.name(), "status", body, &WriteOptions::default()).await
    }

    async fn let_go(&self, definition: &Object) -> Result<(), Status> {
        let mut body = definition.value();
        let finalizers = body["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        body["metadata"]["finalizers"] = finalizers.into_iter().filter(|finalizer| finalizer != custom::CLEANUP).collect();
        match self.client.update(&self.kind, "", definition.name(), "", body, &WriteOptions::default()).await {
            Ok(written) => self.definitions.reached(written.revision()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Reconciler for DefinitionCleanup {
    type Key = ObjectKey;
    const NAME: &'static str = "definition-cleanup";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.definitions, |_, delta| vec![delta.key.clone()])]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let Some(definition) = self.definitions.view().get(key).map(|entry| (**entry).clone()) else { return Ok(Outcome::Done) };
        let meta = definition.meta();
        if meta.deletion_timestamp.is_none() || !meta.finalizers.iter().any(|finalizer| finalizer == custom::CLEANUP) {
            return Ok(Outcome::Done);
        }
        let definition = self.tell(&definition, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress").await?;
        let left = match custom::stored(&definition) {
            Some(kind) => self.empty(kind).await,
            None => Ok(0),
        };
        match left {
            Ok(0) => {
                let definition = self.tell(&definition, "False", "InstanceDeletionCompleted", "removed all instances").await?;
                self.let_go(&definition).await?;
                Ok(Outcome::Done)
            }
            Ok(_) => {
                let message = "waiting for instances to go that have finalizers of their own";
                self.tell(&definition, "True", "InstanceDeletionInProgress", message).await?;
                Ok(Outcome::Again(PATIENCE))
            }
            Err(error) => {
                let message = format!("could not delete all instances: {error}");
                self.tell(&definition, "True", "InstanceDeletionFailed", &message).await?;
                Err(error)
            }
        }
    }
}

//! The namespace controller: when a namespace is deleted, so is all that is in it, pods first (KEP-5080); then it may go.

mod conditions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, ListOptions, Propagation, WriteOptions};
use crate::api::custom;
use crate::api::kinds::{Kind, KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;
use conditions::conditions;

/// The finalizer in `spec.finalizers` that this controller answers for.
const FINALIZER: &str = "kubernetes";
/// How long it may take until a finalizer has run.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is left of a namespace's content after a try to delete it.
#[derive(Debug, Default)]
pub struct Remains {
    /// Objects by `plural.group`.
    pub objects: BTreeMap<String, usize>,
    /// Objects by the finalizer that they wait for.
    pub finalizers: BTreeMap<String, usize>,
    pub errors: Vec<Status>,
    /// When the last of the pods has to be gone.
    pub due: Option<jiff::Timestamp>,
}

/// Reconciles one namespace at a time.
pub struct Namespaces {
    client: ClientRef,
    namespaces: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
    /// All built-in namespaced kinds, one a collection, pods first.
    contents: Vec<KindRef>,
    definitions: InformerHandle,
}

impl Namespaces {
    pub fn new(tools: &Tools) -> Self {
        let registry = Registry::built_in();
        let mut contents: Vec<KindRef> = registry.all().filter(|kind| kind.is_namespaced()).cloned().collect();
        contents.sort_by_key(|kind| (kind.plural() != "pods", kind.collection.clone()));
        contents.dedup_by_key(|kind| kind.collection.clone());
        Self {
            client: tools.client.clone(),
            namespaces: tools.informers.typed::<Namespace>(),
            pods: tools.informers.typed::<Pod>(),
            kind: registry.of::<Namespace>().clone(),
            contents,
            definitions: tools.informers.typed::<CustomResourceDefinition>(),
        }
    }

    /// All namespaced kinds of now.
    fn contents(&self) -> Vec<KindRef> {
        let view = self.definitions.view();
        let declared = view.iter().filter_map(|definition| custom::stored(definition)).filter(Kind::is_namespaced);
        self.contents.iter().cloned().chain(declared.map(KindRef::new)).collect()
    }

    /// Deletes all objects of a kind, and notes what stays for now.
    async fn empty(&self, kind: &KindRef, namespace: &str, remains: &mut Remains) -> Result<(), Status> {
        let background = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
        for object in self.client.list(kind, namespace, &ListOptions::default()).await?.items {
            if object.meta().deletion_timestamp.is_none() {
                match self.client.delete(kind, namespace, object.name(), &background).await {
                    Err(error) if !error.is_not_found() => remains.errors.push(error),
                    _ => {}
                }
            }
        }
        for object in self.client.list(kind, namespace, &ListOptions::default()).await?.items {
            let meta = object.meta();
            *remains.objects.entry(format!("{}.{}", kind.plural(), kind.group())).or_default() += 1;
            for finalizer in &meta.finalizers {
                *remains.finalizers.entry(finalizer.clone()).or_default() += 1;
            }
            if meta.deletion_grace_period_seconds.is_some_and(|grace| grace > 0) {
                remains.due = remains.due.max(meta.deletion_timestamp);
            }
        }
        Ok(())
    }

    async fn write_conditions(&self, namespace: &Object, remains: &Remains) -> Result<(), Status> {
        let parsed: Namespace = namespace.parse().map_err(Status::internal)?;
        let old: Vec<NamespaceCondition> = parsed.status.and_then(|status| status.conditions).unwrap_or_default();
        let new = conditions(&old, remains, clock::now());
        if new != old {
            let mut body = namespace.value();
            body["status"]["conditions"] = json!(new);
            self.client.update(&self.kind, "", namespace.name(), "status", body, &WriteOptions::default()).await?;
        }
        Ok(())
    }

    async fn finalize(&self, namespace: &Object) -> Result<(), Status> {
        let mut body = namespace.value();
        let finalizers: Vec<Value> = body["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        body["spec"]["finalizers"] = finalizers.into_iter().filter(|name| name != FINALIZER).collect();
        match self.client.update(&self.kind, "", namespace.name(), "finalize", body, &WriteOptions::default()).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reconciler for Namespaces {
    type Key = ObjectKey;
    const NAME: &'static str = "namespaces";
    const WORKERS: usize = 10;

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.namespaces, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.definitions, |_, _| Vec::new()),
            // A pod that is gone may have been the last thing to wait for.
            Watch::new(
                &self.pods,
                |_, delta| {
                    if delta.new.is_none() { vec![ObjectKey::new("", delta.key.namespace.clone())] } else { Vec::new() }
                },
            ),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let Some(namespace) = self.namespaces.view().get(key).map(|entry| (**entry).clone()) else { return Ok(Outcome::Done) };
        let finalizing = namespace.value()["spec"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|name| name == FINALIZER));
        if namespace.meta().deletion_timestamp.is_none() || !finalizing {
            return Ok(Outcome::Done);
        }
        let mut remains = Remains::default();
        for kind in self.contents() {
            if let Err(error) = self.empty(&kind, &key.name, &mut remains).await {
                remains.errors.push(error);
            }
            // Network policies and volumes must outlive the pods that they serve.
            if (kind.group(), kind.plural()) == ("", "pods") && !remains.objects.is_empty() {
                break;
            }
        }
        if remains.objects.is_empty() && remains.errors.is_empty() {
            self.finalize(&namespace).await?;
            return Ok(Outcome::Done);
        }
        self.write_conditions(&namespace, &remains).await?;
        if let Some(error) = remains.errors.pop() {
            return Err(error);
        }
        let patience = SignedDuration::try_from(PATIENCE).unwrap_or(SignedDuration::ZERO);
        let due = remains.due.map_or(clock::now() + patience, |due| due.max(clock::now() + patience));
        Ok(Outcome::at(Some(due), clock::now()))
    }
}

//! The endpoints controller: the addresses of the pods that a service selects, ready and not, in one object. Deprecated since v1.33 in
//! favour of slices, but still what many read.

mod mirroring;
mod service;
mod slice_plan;
mod slice_writer;
mod slices;
mod subsets;
#[cfg(test)]
mod tests;

pub use mirroring::Mirroring;
pub use slices::EndpointSlices;

use std::time::Duration;

use k8s_openapi::api::core::v1::{EndpointSubset, Endpoints as Kind, Pod, Service};
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::store::Stored;
use service::{HEADLESS, ServiceView, TRIGGER_TIME, concerned};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
/// Set to `truncated` when there are more addresses than the object may hold.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Reconciles the Endpoints of one service at a time.
pub struct Endpoints {
    client: ClientRef,
    services: InformerHandle,
    pods: InformerHandle,
    endpoints: InformerHandle,
    kind: KindRef,
}

impl Endpoints {
    pub fn new(tools: &Tools) -> Self {
        Self {
            client: tools.client.clone(),
            services: tools.informers.typed::<Service>(),
            pods: tools.informers.typed::<Pod>(),
            endpoints: tools.informers.typed::<Kind>(),
            kind: Registry::built_in().of::<Kind>().clone(),
        }
    }

    async fn write(&self, key: &ObjectKey, current: Option<&Object>, body: Value) -> Result<(), Status> {
        let options = WriteOptions::default();
        let written = match current {
            Some(_) => self.client.update(&self.kind, &key.namespace, &key.name, "", body, &options).await,
            None => self.client.create(&self.kind, &key.namespace, body, &options).await,
        };
        match written {
            Ok(written) => self.endpoints.reached(written.revision()).await,
            Err(error) if error.has_cause("NamespaceTerminating") => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Status> {
        match self.client.delete(&self.kind, &key.namespace, &key.name, &DeleteOptions::default()).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reconciler for Endpoints {
    type Key = ObjectKey;
    const NAME: &'static str = "endpoints";
    const PACE: Duration = Duration::from_millis(100);

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.services, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.pods, |this, delta| concerned(&this.services, delta)),
            Watch::new(&self.endpoints, |_, delta| managed(delta)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.endpoints.view();
        let current = view.get(key).map(|entry| &**entry);
        let Some(service) = self.services.view().get(key).map(|entry| entry.project::<ServiceView>()) else {
            if current.is_some() {
                self.delete(key).await?;
            }
            return Ok(Outcome::Done);
        };
        if !service.selects() {
            return Ok(Outcome::Done);
        }
        let pods = service.pods(&self.pods.view());
        let mut subsets = subsets::subsets(&service, &pods);
        let truncated = subsets::truncate(&mut subsets);
        if let Some(body) = body(&service, current, subsets, truncated, service.last_change(&pods))? {
            self.write(key, current, body).await?;
        }
        Ok(Outcome::Done)
    }
}

/// Those that this controller made: who makes others by hand keeps them.
fn managed(delta: &Delta) -> Vec<ObjectKey> {
    let managed = delta.object().labels().get(MANAGED_BY).is_some_and(|by| by == MANAGER);
    if managed { vec![delta.key.clone()] } else { Vec::new() }
}

/// The object to write, unless what is there says the same.
fn body(
    service: &ServiceView,
    current: Option<&Object>,
    subsets: Vec<EndpointSubset>,
    truncated: bool,
    last_change: Option<String>,
) -> Result<Option<Value>, Status> {
    let mut labels = service.object.labels().clone();
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    if service.has_cluster_ip() {
        labels.remove(HEADLESS);
    } else {
        labels.insert(HEADLESS.into(), String::new());
    }
    let mut annotations = current.map(|current| current.meta().annotations.clone()).unwrap_or_default();
    let marked = annotations.get(OVER_CAPACITY).is_some_and(|mark| mark == "truncated");
    if let Some(current) = current {
        let old: Kind = current.parse().map_err(Status::internal)?;
        if old.subsets.unwrap_or_default() == subsets && *current.labels() == labels && marked == truncated {
            return Ok(None);
        }
    }
    annotations.remove(OVER_CAPACITY);
    annotations.remove(TRIGGER_TIME);
    annotations.extend(last_change.map(|time| (TRIGGER_TIME.to_owned(), time)));
    annotations.extend(truncated.then(|| (OVER_CAPACITY.to_owned(), "truncated".to_owned())));
    let mut metadata = current.map_or_else(|| json!({ "name": service.object.name() }), |current| current.value()["metadata"].take());
    metadata["labels"] = json!(labels);
    metadata["annotations"] = json!(annotations);
    let mut body = json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": metadata });
    if !subsets.is_empty() {
        body["subsets"] = json!(subsets);
    }
    Ok(Some(body))
}

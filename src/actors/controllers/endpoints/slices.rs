//! The endpoint slice controller: every pod that a service selects, with its conditions, in slices of at most a hundred (KEP-752).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};

use super::service::{HEADLESS, ServiceView, TRIGGER_TIME, can_be_endpoint, concerned, family};
use super::slice_plan::{Common, plan};
use super::slice_writer::{Frame, MANAGED_BY, SERVICE_NAME, SliceWriter};
use super::subsets::reference;
use crate::actors::controllers::pod::PodView;
use crate::actors::controllers::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;

const MANAGER: &str = "endpointslice-controller.k8s.io";
const ZONE: &str = "topology.kubernetes.io/zone";

/// Reconciles the slices of one service at a time.
pub struct EndpointSlices {
    services: InformerHandle,
    pods: InformerHandle,
    nodes: InformerHandle,
    writer: SliceWriter,
    service_kind: KindRef,
}

impl EndpointSlices {
    pub fn new(tools: &Tools) -> Self {
        let informers = &tools.informers;
        Self {
            services: informers.typed::<Service>(),
            pods: informers.typed::<Pod>(),
            nodes: informers.typed::<Node>(),
            writer: SliceWriter::new(tools.client.clone(), informers.typed::<EndpointSlice>()),
            service_kind: Registry::built_in().of::<Service>().clone(),
        }
    }

    fn zone(&self, node: &str) -> Option<String> {
        self.nodes.view().get(&ObjectKey::new("", node))?.labels().get(ZONE).cloned()
    }
}

impl Reconciler for EndpointSlices {
    type Key = ObjectKey;
    const NAME: &'static str = "endpoint slices";
    const PACE: Duration = Duration::from_millis(100);

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.services, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.pods, |this, delta| concerned(&this.services, delta)),
            Watch::new(&self.writer.slices, |_, delta| managed_service(delta, MANAGER)),
            Watch::new(&self.nodes, |_, _| Vec::new()),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let Some(service) = self.services.view().get(key).map(|entry| entry.project::<ServiceView>()) else {
            // The slices have an owner that is gone: garbage collection takes them.
            return Ok(Outcome::Done);
        };
        let existing = self.writer.existing(key, MANAGER)?;
        if !service.selects() || service.object.meta().deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let pods = service.pods(&self.pods.view());
        let frame = Frame {
            owner: &service.object,
            owner_kind: &self.service_kind,
            labels: labels(&service),
            annotations: service.last_change(&pods).map(|time| (TRIGGER_TIME.to_owned(), time)).into_iter().collect(),
        };
        let wanted = wanted(&service, &pods, |node| self.zone(node));
        let ops = plan(wanted, &service.families(), &existing, |slice| frame.is_stale(slice));
        self.writer.apply(key, &frame, ops).await?;
        Ok(Outcome::Done)
    }
}

/// The service of a slice that this manager keeps.
pub fn managed_service(delta: &Delta, manager: &str) -> Vec<ObjectKey> {
    let labels = delta.object().labels();
    let managed = labels.get(MANAGED_BY).is_some_and(|by| by == manager);
    labels
        .get(SERVICE_NAME)
        .filter(|_| managed)
        .map(|name| ObjectKey::new(delta.key.namespace.clone(), name.as_str()))
        .into_iter()
        .collect()
}

fn labels(service: &ServiceView) -> std::collections::BTreeMap<String, String> {
    let reserved = [SERVICE_NAME, MANAGED_BY, HEADLESS];
    let own = service.object.labels().iter().filter(|(key, _)| !reserved.contains(&key.as_str()));
    let mut labels: std::collections::BTreeMap<_, _> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    labels.insert(SERVICE_NAME.into(), service.object.name().into());
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    if !service.has_cluster_ip() {
        labels.insert(HEADLESS.into(), String::new());
    }
    labels
}

/// The endpoints of a service, by what they have in common.
pub fn wanted(service: &ServiceView, pods: &[Arc<PodView>], zone: impl Fn(&str) -> Option<String>) -> Vec<(Common, Vec<Endpoint>)> {
    let mut wanted: Vec<(Common, Vec<Endpoint>)> = Vec::new();
    for address_type in service.families() {
        for pod in pods.iter().filter(|pod| can_be_endpoint(pod)) {
            let addresses: Vec<String> = pod.addresses().filter(|a| family(a) == address_type).map(|a| a.to_string()).collect();
            if addresses.is_empty() {
                continue;
            }
            let common = Common { address_type: address_type.to_owned(), ports: ports(service, pod) };
            let endpoint = endpoint(service, pod, addresses, zone(&pod.spec.node_name));
            match wanted.iter_mut().find(|(known, _)| *known == common) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => wanted.push((common, vec![endpoint])),
            }
        }
    }
    wanted
}

fn endpoint(service: &ServiceView, pod: &PodView, addresses: Vec<String>, zone: Option<String>) -> Endpoint {
    let (serving, terminating) = (pod.is_ready(), pod.is_deleting());
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    Endpoint {
        addresses,
        conditions: Some(EndpointConditions { ready: Some(ready), serving: Some(serving), terminating: Some(terminating) }),
        hostname: service.hostname(pod).map(str::to_owned),
        node_name: Some(pod.spec.node_name.clone()).filter(|name| !name.is_empty()),
        target_ref: Some(reference(pod)),
        zone,
        ..Endpoint::default()
    }
}

fn ports(service: &ServiceView, pod: &PodView) -> Vec<EndpointPort> {
    let ports = service.spec.ports.iter().filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(service.target(port, pod)?),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    ports.collect()
}

//! The mirroring controller: Endpoints that somebody else keeps for a service without a selector, as slices (KEP-752).

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};

use super::service::{ServiceView, TRIGGER_TIME, family};
use super::slice_plan::{Common, plan};
use super::slice_writer::{Frame, MANAGED_BY, SERVICE_NAME, SliceWriter};
use super::slices::managed_service;
use crate::actors::controllers::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;

const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Addresses of one subset that are mirrored.
const CAPACITY: usize = 1000;

/// Reconciles the mirrored slices of one service at a time.
pub struct Mirroring {
    services: InformerHandle,
    endpoints: InformerHandle,
    writer: SliceWriter,
    kind: KindRef,
}

impl Mirroring {
    pub fn new(tools: &Tools) -> Self {
        let informers = &tools.informers;
        Self {
            services: informers.typed::<Service>(),
            endpoints: informers.typed::<Endpoints>(),
            writer: SliceWriter::new(tools.client.clone(), informers.typed::<EndpointSlice>()),
            kind: Registry::built_in().of::<Endpoints>().clone(),
        }
    }

    /// The endpoints to mirror, if they are to be.
    fn original(&self, key: &ObjectKey) -> Option<Object> {
        let service = self.services.view().get(key)?.project::<ServiceView>();
        let view = self.endpoints.view();
        let endpoints = view.get(key)?;
        let skipped = endpoints.labels().get(SKIP).is_some_and(|skip| skip == "true");
        let leads = endpoints.meta().annotations.contains_key(LEADER);
        (service.spec.selector.is_empty() && !skipped && !leads).then(|| (**endpoints).clone())
    }
}

impl Reconciler for Mirroring {
    type Key = ObjectKey;
    const NAME: &'static str = "endpoint slice mirroring";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.services, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.endpoints, |_, delta| vec![delta.key.clone()]),
            Watch::new(&self.writer.slices, |_, delta| managed_service(delta, MANAGER)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let existing = self.writer.existing(key, MANAGER)?;
        let Some(object) = self.original(key) else {
            self.writer.delete(&key.namespace, &existing).await?;
            return Ok(Outcome::Done);
        };
        let endpoints: Endpoints = object.parse().map_err(Status::internal)?;
        let frame = Frame { owner: &object, owner_kind: &self.kind, labels: labels(&object), annotations: annotations(&object) };
        let ops = plan(wanted(&endpoints), &[], &existing, |slice| frame.is_stale(slice));
        self.writer.apply(key, &frame, ops).await?;
        Ok(Outcome::Done)
    }
}

fn labels(endpoints: &Object) -> BTreeMap<String, String> {
    let mut labels = endpoints.labels().clone();
    labels.insert(SERVICE_NAME.into(), endpoints.name().into());
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels
}

fn annotations(endpoints: &Object) -> BTreeMap<String, String> {
    let mut annotations = endpoints.meta().annotations.clone();
    annotations.retain(|key, _| key != LAST_APPLIED && key != TRIGGER_TIME);
    annotations
}

/// The endpoints of all subsets, by what they have in common.
pub fn wanted(endpoints: &Endpoints) -> Vec<(Common, Vec<Endpoint>)> {
    let mut wanted: Vec<(Common, Vec<Endpoint>)> = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports: Vec<EndpointPort> = subset.ports.iter().flatten().map(port).collect();
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let not_ready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
        for (address, ready) in ready.chain(not_ready).take(CAPACITY) {
            let Ok(ip) = address.ip.parse::<IpAddr>() else { continue };
            let common = Common { address_type: family(&ip).to_owned(), ports: ports.clone() };
            match wanted.iter_mut().find(|(known, _)| *known == common) {
                Some((_, endpoints)) => endpoints.push(endpoint(address, ready)),
                None => wanted.push((common, vec![endpoint(address, ready)])),
            }
        }
    }
    wanted
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn port(port: &k8s_openapi::api::core::v1::EndpointPort) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: port.protocol.clone(),
        app_protocol: port.app_protocol.clone(),
    }
}

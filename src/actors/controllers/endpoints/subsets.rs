//! The subsets of an Endpoints object: addresses packed by the ports they serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, ObjectReference};

use super::service::{ServiceView, can_be_endpoint, family};
use crate::actors::controllers::pod::PodView;

/// An Endpoints object has at most this many addresses; slices have no such limit.
pub const CAPACITY: usize = 1000;

/// The subsets that a service's pods make. Ready addresses are those of pods that are ready, or all if the service publishes all.
pub fn subsets(service: &ServiceView, pods: &[Arc<PodView>]) -> Vec<EndpointSubset> {
    let publish_all = service.spec.publish_not_ready_addresses;
    let mut addresses_by_port: BTreeMap<PortKey, Addresses> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| can_be_endpoint(pod) && (publish_all || !pod.is_deleting())) {
        let Some(address) = address(service, pod) else { continue };
        let ready = publish_all || pod.is_ready();
        for port in ports(service, pod) {
            addresses_by_port.entry(port).or_default().insert(AddressKey::of(&address), (ready, address.clone()));
        }
    }
    // Ports that are served by the same addresses share a subset.
    let mut ports_by_addresses: BTreeMap<AddressSet, (Addresses, Vec<PortKey>)> = BTreeMap::new();
    for (port, addresses) in addresses_by_port {
        let set = addresses.iter().map(|(key, (ready, _))| (key.clone(), *ready)).collect();
        ports_by_addresses.entry(set).or_insert_with(|| (addresses, Vec::new())).1.push(port);
    }
    ports_by_addresses.into_values().map(|(addresses, ports)| subset(addresses, ports)).collect()
}

/// Leaves out addresses beyond [`CAPACITY`], those that are not ready first; says whether there were any.
pub fn truncate(subsets: &mut Vec<EndpointSubset>) -> bool {
    let mut room = CAPACITY;
    let mut keep = |addresses: &mut Option<Vec<EndpointAddress>>| {
        let Some(list) = addresses else { return false };
        let over = list.len() > room;
        list.truncate(room);
        room -= list.len();
        if list.is_empty() {
            *addresses = None;
        }
        over
    };
    let mut truncated = false;
    for subset in subsets.iter_mut() {
        truncated |= keep(&mut subset.addresses);
    }
    for subset in subsets.iter_mut() {
        truncated |= keep(&mut subset.not_ready_addresses);
    }
    subsets.retain(|subset| subset.addresses.is_some() || subset.not_ready_addresses.is_some());
    truncated
}

/// Name, number, protocol and application protocol; none for a service without ports.
type PortKey = Option<(Option<String>, i32, String, Option<String>)>;

/// Whether an address is ready, by what tells it from others.
type Addresses = BTreeMap<AddressKey, (bool, EndpointAddress)>;

/// Which addresses there are, and which are ready.
type AddressSet = Vec<(AddressKey, bool)>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AddressKey {
    ip: String,
    uid: Option<String>,
}

impl AddressKey {
    fn of(address: &EndpointAddress) -> Self {
        Self { ip: address.ip.clone(), uid: address.target_ref.as_ref().and_then(|target| target.uid.clone()) }
    }
}

fn ports(service: &ServiceView, pod: &PodView) -> Vec<PortKey> {
    if service.is_portless() {
        return vec![None];
    }
    let key = |port: &k8s_openapi::api::core::v1::ServicePort| {
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".into());
        Some(Some((port.name.clone(), service.target(port, pod)?, protocol, port.app_protocol.clone())))
    };
    service.spec.ports.iter().filter_map(key).collect()
}

fn address(service: &ServiceView, pod: &PodView) -> Option<EndpointAddress> {
    let wanted = *service.families().first()?;
    let ip = pod.addresses().find(|address| family(address) == wanted)?;
    Some(EndpointAddress {
        ip: ip.to_string(),
        hostname: service.hostname(pod).map(str::to_owned),
        node_name: Some(pod.spec.node_name.clone()),
        target_ref: Some(reference(pod)),
    })
}

/// How endpoints name the pod behind an address.
pub fn reference(pod: &PodView) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".into()),
        namespace: Some(pod.object.namespace().into()),
        name: Some(pod.object.name().into()),
        uid: Some(pod.object.uid().into()),
        ..ObjectReference::default()
    }
}

fn subset(addresses: Addresses, ports: Vec<PortKey>) -> EndpointSubset {
    let (ready, not_ready): (Vec<_>, Vec<_>) = addresses.into_values().partition(|(ready, _)| *ready);
    let some = |list: Vec<(bool, EndpointAddress)>| (!list.is_empty()).then(|| list.into_iter().map(|(_, address)| address).collect());
    let ports: Vec<EndpointPort> = ports
        .into_iter()
        .flatten()
        .map(|(name, port, protocol, app_protocol)| EndpointPort { name, port, protocol: Some(protocol), app_protocol })
        .collect();
    EndpointSubset { addresses: some(ready), not_ready_addresses: some(not_ready), ports: (!ports.is_empty()).then_some(ports) }
}

//! What a run's commits amount to: every object as it stands, with what the invariants ask of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::journal::{Entry, Event};
use super::ledger::Ledger;
use crate::api::quantity::Quantity;
use crate::runtime::clock;
use crate::runtime::store::{Key, Revision};

/// An object as of its newest write.
#[derive(Clone, Debug)]
pub struct View {
    pub revision: Revision,
    /// When that was written.
    pub written: Timestamp,
    pub json: Bytes,
    pub meta: Meta,
    pub details: Details,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub deletion_timestamp: Option<Timestamp>,
    pub deletion_grace_period_seconds: Option<i64>,
    pub finalizers: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Owner {
    pub uid: String,
}

/// What is special to a kind.
#[derive(Clone, Debug)]
pub enum Details {
    Pod(PodView),
    Service(ServiceView),
    Node(NodeView),
    Slice(SliceView),
    Controller(ControllerView),
    Other,
}

#[derive(Clone, Debug, Default)]
pub struct PodView {
    /// Empty until it is bound.
    pub node: String,
    pub phase: String,
    pub ready: bool,
    pub ip: String,
    /// Thousandths of a CPU, and bytes, of its ordinary containers together: what it takes at least.
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    /// Each as `protocol/address/port`.
    pub host_ports: Vec<String>,
    pub restarts: i64,
    /// Why it is not bound, or has failed; empty otherwise.
    pub why: String,
    /// It may be bound to a node that is cordoned.
    pub tolerates_cordons: bool,
}

#[derive(Clone, Debug, Default)]
pub struct ServiceView {
    pub cluster_ips: Vec<String>,
    /// Each as `protocol/port`.
    pub node_ports: Vec<String>,
    pub selector: BTreeMap<String, String>,
    pub publishes_not_ready: bool,
}

#[derive(Clone, Debug, Default)]
pub struct NodeView {
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    pub pods: i64,
    pub ready: bool,
    pub unschedulable: bool,
    /// The keys of its taints.
    pub taints: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct SliceView {
    pub service: String,
    pub addresses: Vec<String>,
    /// Those of them that are ready.
    pub ready: Vec<String>,
}

/// Of a replication controller.
#[derive(Clone, Debug, Default)]
pub struct ControllerView {
    pub replicas: i64,
    /// What its status says that there are, and are ready.
    pub observed: i64,
    pub ready: i64,
}

/// Every object of a run, as it stands.
#[derive(Default)]
pub struct Scene {
    pub objects: BTreeMap<Key, Arc<View>>,
    /// How they came to stand so.
    pub ledger: Ledger,
    /// Of the newest commit.
    pub revision: Revision,
    /// When something was written last besides heartbeats: not by the wall's clock, which may jump.
    pub busy: Option<clock::Instant>,
    /// What that was written to.
    pub last: Option<Key>,
}

/// What an entry changed.
#[derive(Default)]
pub struct Change {
    pub before: Option<Arc<View>>,
    pub after: Option<Arc<View>>,
}

impl Scene {
    /// Takes an entry into account.
    pub fn take(&mut self, entry: &Entry) -> Change {
        let Event::Commit { revision, key, value } = &entry.event else { return Change::default() };
        self.revision = *revision;
        self.ledger.write(*revision, key, value.as_ref());
        let after = value.as_ref().map(|value| Arc::new(View::read(key, *revision, entry.time, value)));
        let before = match &after {
            Some(after) => self.objects.insert(key.clone(), after.clone()),
            None => self.objects.remove(key),
        };
        if !is_heartbeat(key, before.as_deref(), after.as_deref()) {
            self.busy = Some(clock::instant());
            self.last = Some(key.clone());
        }
        Change { before, after }
    }

    /// The objects of a collection.
    pub fn of<'a>(&'a self, collection: &'a str) -> impl Iterator<Item = (&'a Key, &'a View)> {
        let from = Key::new(collection, "");
        self.objects.range(from..).take_while(move |(key, _)| &*key.collection == collection).map(|(key, view)| (key, &**view))
    }

    pub fn pods(&self) -> impl Iterator<Item = (&Key, &View, &PodView)> {
        self.of("pods").filter_map(|(key, view)| match &view.details {
            Details::Pod(pod) => Some((key, view, pod)),
            _ => None,
        })
    }

    pub fn services(&self) -> impl Iterator<Item = (&Key, &View, &ServiceView)> {
        self.of("services/specs").filter_map(|(key, view)| match &view.details {
            Details::Service(service) => Some((key, view, service)),
            _ => None,
        })
    }

    pub fn slices(&self) -> impl Iterator<Item = (&Key, &View, &SliceView)> {
        self.of("endpointslices").filter_map(|(key, view)| match &view.details {
            Details::Slice(slice) => Some((key, view, slice)),
            _ => None,
        })
    }

    pub fn controllers(&self) -> impl Iterator<Item = (&Key, &View, &ControllerView)> {
        self.of("controllers").filter_map(|(key, view)| match &view.details {
            Details::Controller(controller) => Some((key, view, controller)),
            _ => None,
        })
    }

    pub fn nodes(&self) -> impl Iterator<Item = (&Key, &NodeView)> {
        self.of("minions").filter_map(|(key, view)| match &view.details {
            Details::Node(node) => Some((key, node)),
            _ => None,
        })
    }

    pub fn node(&self, name: &str) -> Option<&NodeView> {
        match &self.objects.get(&Key::new("minions", name))?.details {
            Details::Node(node) => Some(node),
            _ => None,
        }
    }
}

/// Leases, events, which only tell of what is, and a node's status where nothing of it but times has changed.
fn is_heartbeat(key: &Key, before: Option<&View>, after: Option<&View>) -> bool {
    match (&*key.collection, before, after) {
        ("leases" | "events", ..) => true,
        ("minions", Some(before), Some(after)) => match (&before.details, &after.details) {
            (Details::Node(before), Details::Node(after)) => before.ready == after.ready,
            _ => false,
        },
        _ => false,
    }
}

impl View {
    /// Of a pod.
    pub fn phase(&self) -> Option<&str> {
        match &self.details {
            Details::Pod(pod) => Some(&pod.phase),
            _ => None,
        }
    }

    fn read(key: &Key, revision: Revision, written: Timestamp, json: &Bytes) -> Self {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            metadata: Meta,
        }
        let (meta, details) = match &*key.collection {
            "pods" => read(json, |raw: RawPod| (raw.metadata.clone(), Details::Pod(raw.view()))),
            "services/specs" => read(json, |raw: RawService| (raw.metadata.clone(), Details::Service(raw.view()))),
            "minions" => read(json, |raw: RawNode| (raw.metadata.clone(), Details::Node(raw.view()))),
            "controllers" => read(json, |raw: RawController| (raw.metadata.clone(), Details::Controller(raw.view()))),
            "endpointslices" => read(json, |raw: RawSlice| (raw.metadata.clone(), Details::Slice(raw.view()))),
            _ => read(json, |raw: Named| (raw.metadata, Details::Other)),
        };
        Self { revision, written, json: json.clone(), meta, details }
    }
}

/// What cannot be read is no object of that kind: the API has refused it, or this finds a bug.
fn read<'a, R: Deserialize<'a>>(json: &'a [u8], view: impl FnOnce(R) -> (Meta, Details)) -> (Meta, Details) {
    serde_json::from_slice(json).map_or_else(|error| panic!("a committed object cannot be read: {error}"), view)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPod {
    metadata: Meta,
    spec: RawPodSpec,
    #[serde(default)]
    status: RawPodStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPodSpec {
    #[serde(default)]
    node_name: String,
    containers: Vec<RawContainer>,
    #[serde(default)]
    tolerations: Vec<RawTaint>,
}

/// A taint, or the toleration of one, which has no key if it is of all.
#[derive(Deserialize)]
struct RawTaint {
    #[serde(default)]
    key: String,
}

#[derive(Deserialize)]
struct RawContainer {
    #[serde(default)]
    resources: RawResources,
    #[serde(default)]
    ports: Vec<RawPort>,
}

#[derive(Default, Deserialize)]
struct RawResources {
    #[serde(default)]
    requests: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    #[serde(default)]
    host_port: u16,
    #[serde(default, rename = "hostIP")]
    host_ip: String,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    node_port: u16,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawPodStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    /// Why it has failed.
    message: String,
    conditions: Vec<RawCondition>,
    container_statuses: Vec<RawContainerStatus>,
}

#[derive(Deserialize)]
struct RawCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawContainerStatus {
    #[serde(default)]
    restart_count: i64,
}

fn is_ready(conditions: &[RawCondition]) -> bool {
    conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True")
}

fn amount(resources: &BTreeMap<String, String>, name: &str) -> Option<Quantity> {
    resources.get(name)?.parse().ok()
}

impl RawPodStatus {
    fn why(&self) -> String {
        let unscheduled = self.conditions.iter().find(|condition| condition.kind == "PodScheduled" && condition.status == "False");
        unscheduled.map_or(&self.message, |condition| &condition.message).clone()
    }
}

impl RawPod {
    fn view(self) -> PodView {
        let sum = |of: &dyn Fn(&RawContainer) -> Option<i64>| self.spec.containers.iter().filter_map(of).sum();
        let ports = self.spec.containers.iter().flat_map(|container| &container.ports).filter(|port| port.host_port > 0);
        let address = |port: &RawPort| if port.host_ip.is_empty() { "0.0.0.0".to_owned() } else { port.host_ip.clone() };
        let tolerates = |toleration: &RawTaint| matches!(&*toleration.key, "" | "node.kubernetes.io/unschedulable");
        PodView {
            tolerates_cordons: self.spec.tolerations.iter().any(tolerates),
            cpu_milli: sum(&|container| Some(amount(&container.resources.requests, "cpu")?.milli_value())),
            memory_bytes: sum(&|container| Some(amount(&container.resources.requests, "memory")?.value())),
            host_ports: ports.map(|port| format!("{}/{}/{}", port.protocol, address(port), port.host_port)).collect(),
            ready: is_ready(&self.status.conditions),
            why: self.status.why(),
            restarts: self.status.container_statuses.iter().map(|status| status.restart_count).sum(),
            node: self.spec.node_name,
            phase: self.status.phase,
            ip: self.status.pod_ip,
        }
    }
}

#[derive(Deserialize)]
struct RawService {
    metadata: Meta,
    #[serde(default)]
    spec: RawServiceSpec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawServiceSpec {
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    ports: Vec<RawPort>,
    selector: BTreeMap<String, String>,
    publish_not_ready_addresses: bool,
}

impl RawService {
    fn view(self) -> ServiceView {
        let ports = self.spec.ports.iter().filter(|port| port.node_port > 0);
        ServiceView {
            node_ports: ports.map(|port| format!("{}/{}", port.protocol, port.node_port)).collect(),
            cluster_ips: self.spec.cluster_ips.into_iter().filter(|ip| ip != "None").collect(),
            selector: self.spec.selector,
            publishes_not_ready: self.spec.publish_not_ready_addresses,
        }
    }
}

#[derive(Deserialize)]
struct RawNode {
    metadata: Meta,
    #[serde(default)]
    spec: RawNodeSpec,
    #[serde(default)]
    status: RawNodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNodeSpec {
    unschedulable: bool,
    taints: Vec<RawTaint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNodeStatus {
    allocatable: BTreeMap<String, String>,
    conditions: Vec<RawCondition>,
}

impl RawNode {
    fn view(self) -> NodeView {
        let of = |name| amount(&self.status.allocatable, name);
        NodeView {
            cpu_milli: of("cpu").map_or(0, |amount| amount.milli_value()),
            memory_bytes: of("memory").map_or(0, |amount| amount.value()),
            pods: of("pods").map_or(0, |amount| amount.value()),
            ready: is_ready(&self.status.conditions),
            unschedulable: self.spec.unschedulable,
            taints: self.spec.taints.into_iter().map(|taint| taint.key).collect(),
        }
    }
}

#[derive(Deserialize)]
struct RawSlice {
    metadata: Meta,
    /// Null where there are none.
    endpoints: Option<Vec<RawEndpoint>>,
}

#[derive(Deserialize)]
struct RawEndpoint {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    conditions: RawEndpointConditions,
}

#[derive(Default, Deserialize)]
struct RawEndpointConditions {
    ready: Option<bool>,
}

impl RawSlice {
    fn view(self) -> SliceView {
        let service = self.metadata.labels.get("kubernetes.io/service-name").cloned().unwrap_or_default();
        let endpoints = || self.endpoints.iter().flatten();
        let ready = endpoints().filter(|endpoint| endpoint.conditions.ready != Some(false));
        SliceView {
            service,
            addresses: endpoints().flat_map(|endpoint| endpoint.addresses.clone()).collect(),
            ready: ready.flat_map(|endpoint| endpoint.addresses.clone()).collect(),
        }
    }
}

#[derive(Deserialize)]
struct RawController {
    metadata: Meta,
    spec: RawControllerSpec,
    #[serde(default)]
    status: RawControllerStatus,
}

#[derive(Deserialize)]
struct RawControllerSpec {
    replicas: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawControllerStatus {
    replicas: i64,
    ready_replicas: i64,
}

impl RawController {
    fn view(self) -> ControllerView {
        ControllerView { replicas: self.spec.replicas, observed: self.status.replicas, ready: self.status.ready_replicas }
    }
}

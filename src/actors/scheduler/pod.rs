//! What the scheduler knows of a pod: read once from each version of the object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;

use super::affinity::{NodeTerms, PodTerm, WeightedNodeTerm, WeightedPodTerm};
use super::resources::{Resources, UNASKED_CPU, UNASKED_MEMORY};
use super::spread::Constraint;
use crate::actors::informer::ObjectKey;
use crate::api::object::Object;

/// A pod as plugins see it.
#[derive(Debug)]
pub struct PodInfo {
    pub key: ObjectKey,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub owner: Option<(String, String)>,
    pub node: Option<String>,
    pub nominated: Option<String>,
    pub scheduler: String,
    pub priority: i32,
    /// May take the place of less important pods.
    pub preempts: bool,
    pub gated: bool,
    pub terminating: bool,
    /// Succeeded or failed: uses nothing any more.
    pub ended: bool,
    pub started: Option<Timestamp>,
    pub generation: i64,
    pub requests: Resources,
    /// As requested, or what is taken for a container that asks for nothing: (thousandths of a core, bytes).
    pub weight: (i64, i64),
    pub ports: Vec<HostPort>,
    pub images: Vec<String>,
    pub claims: Vec<String>,
    pub node_selector: BTreeMap<String, String>,
    pub node_required: Option<NodeTerms>,
    pub node_preferred: Vec<WeightedNodeTerm>,
    pub near: Vec<PodTerm>,
    pub apart: Vec<PodTerm>,
    pub near_preferred: Vec<WeightedPodTerm>,
    pub apart_preferred: Vec<WeightedPodTerm>,
    pub tolerations: Vec<v1::Toleration>,
    pub spread: Vec<Constraint>,
}

/// A port of the node itself that a pod wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    pub protocol: String,
    pub address: String,
    pub port: i32,
}

impl HostPort {
    /// Two pods cannot both have these on one node. `0.0.0.0` is every address.
    pub fn clashes(&self, other: &Self) -> bool {
        const ANY: &str = "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || self.address == ANY || other.address == ANY)
    }
}

impl PodInfo {
    /// Waits for this scheduler, by its name.
    pub fn waits_for(&self, scheduler: &str) -> bool {
        self.node.is_none() && !self.terminating && !self.ended && self.scheduler == scheduler
    }

    /// Takes room on the node that it is bound to.
    pub fn occupies(&self) -> Option<&str> {
        self.node.as_deref().filter(|_| !self.ended)
    }
}

/// The fields that matter here; serde skips the others unread.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    scheduler_name: String,
    priority: Option<i32>,
    preemption_policy: Option<String>,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    overhead: BTreeMap<String, Quantity>,
    resources: Requirements,
    scheduling_gates: Vec<v1::PodSchedulingGate>,
    node_selector: BTreeMap<String, String>,
    affinity: Option<v1::Affinity>,
    tolerations: Vec<v1::Toleration>,
    topology_spread_constraints: Vec<v1::TopologySpreadConstraint>,
    volumes: Vec<Volume>,
    host_network: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    nominated_node_name: Option<String>,
    start_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    image: String,
    restart_policy: Option<String>,
    resources: Requirements,
    ports: Vec<v1::ContainerPort>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Requirements {
    requests: BTreeMap<String, Quantity>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Volume {
    name: String,
    persistent_volume_claim: Option<v1::PersistentVolumeClaimVolumeSource>,
    ephemeral: Option<v1::EphemeralVolumeSource>,
}

impl From<&Object> for PodInfo {
    /// A pod that the API stored is well formed; if it is not, it is taken as one that asks for nothing and is for no scheduler.
    fn from(object: &Object) -> Self {
        let Pod { spec, status } = object.parse().unwrap_or_default();
        let meta = object.meta();
        let requests = requests(&spec);
        let affinity = spec.affinity.unwrap_or_default();
        let node_affinity = affinity.node_affinity.unwrap_or_default();
        let pod_affinity = affinity.pod_affinity.unwrap_or_default();
        let anti_affinity = affinity.pod_anti_affinity.unwrap_or_default();
        let terms = |terms: Option<Vec<v1::PodAffinityTerm>>| PodTerm::all(terms.unwrap_or_default(), object);
        let weighted = |terms: Option<Vec<v1::WeightedPodAffinityTerm>>| WeightedPodTerm::all(terms.unwrap_or_default(), object);
        Self {
            key: object.into(),
            uid: meta.uid.clone(),
            labels: meta.labels.clone(),
            owner: meta.controller().map(|owner| (owner.kind.clone(), owner.name.clone())),
            node: spec.node_name.filter(|node| !node.is_empty()),
            nominated: status.nominated_node_name.filter(|node| !node.is_empty()),
            scheduler: spec.scheduler_name,
            priority: spec.priority.unwrap_or(0),
            preempts: spec.preemption_policy.as_deref() != Some("Never"),
            gated: !spec.scheduling_gates.is_empty(),
            terminating: meta.deletion_timestamp.is_some(),
            ended: matches!(status.phase.as_str(), "Succeeded" | "Failed"),
            started: status.start_time,
            generation: meta.generation,
            weight: weight(&spec.containers, &requests),
            ports: host_ports(spec.containers.iter().chain(&spec.init_containers), spec.host_network),
            images: spec.containers.iter().map(|container| container.image.clone()).collect(),
            claims: spec.volumes.into_iter().filter_map(|volume| volume.claim(object.name())).collect(),
            node_selector: spec.node_selector,
            node_required: node_affinity.required_during_scheduling_ignored_during_execution.map(NodeTerms::from),
            node_preferred: WeightedNodeTerm::all(node_affinity.preferred_during_scheduling_ignored_during_execution.unwrap_or_default()),
            near: terms(pod_affinity.required_during_scheduling_ignored_during_execution),
            apart: terms(anti_affinity.required_during_scheduling_ignored_during_execution),
            near_preferred: weighted(pod_affinity.preferred_during_scheduling_ignored_during_execution),
            apart_preferred: weighted(anti_affinity.preferred_during_scheduling_ignored_during_execution),
            tolerations: spec.tolerations,
            spread: spec.topology_spread_constraints.into_iter().map(|c| Constraint::new(c, object.labels())).collect(),
            requests,
        }
    }
}

impl Volume {
    fn claim(self, pod: &str) -> Option<String> {
        let generic = self.ephemeral.map(|_| format!("{pod}-{}", self.name));
        self.persistent_volume_claim.map(|source| source.claim_name).or(generic)
    }
}

/// The most that the pod uses at any moment of its life: sidecars run from their place in the order on, other init containers one at a
/// time beside the sidecars before them, then all containers beside all sidecars (KEP-753). Requests of the whole pod, where given, take
/// the place of the containers' (KEP-2837); its overhead comes on top.
fn requests(spec: &Spec) -> Resources {
    let ask = |container: &Container| Resources::from_quantities(&container.resources.requests);
    let mut running = Resources::default();
    spec.containers.iter().for_each(|container| running += &ask(container));
    let mut sidecars = Resources::default();
    let mut starting = Resources::default();
    for container in &spec.init_containers {
        let mut now = sidecars.clone();
        now += &ask(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars = now.clone();
        }
        starting.at_least(&now);
    }
    running += &sidecars;
    running.at_least(&starting);
    let whole = Resources::from_quantities(&spec.resources.requests);
    for (mine, asked) in [(&mut running.cpu, whole.cpu), (&mut running.memory, whole.memory)] {
        *mine = if asked > 0 { asked } else { *mine };
    }
    running += &Resources::from_quantities(&spec.overhead);
    running.pods = 1;
    running
}

fn weight(containers: &[Container], requests: &Resources) -> (i64, i64) {
    let lacking = |name: &str| containers.iter().filter(|container| !container.resources.requests.contains_key(name)).count() as i64;
    (requests.cpu + lacking("cpu") * UNASKED_CPU, requests.memory + lacking("memory") * UNASKED_MEMORY)
}

fn host_ports<'a>(containers: impl Iterator<Item = &'a Container>, host_network: bool) -> Vec<HostPort> {
    let ports = containers.flat_map(|container| &container.ports).filter_map(|port| {
        let number = port.host_port.or(host_network.then_some(port.container_port)).filter(|number| *number > 0)?;
        let address = port.host_ip.clone().filter(|address| !address.is_empty()).unwrap_or_else(|| "0.0.0.0".into());
        Some(HostPort { protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()), address, port: number })
    });
    ports.collect()
}

//! What a node's silence, conditions and neighbours mean for its status and taints; decided without a clock or a client.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

use crate::api::object::Object;
use crate::runtime::flaw::{Flaw, planted};

pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The conditions that nobody can know once a kubelet is silent.
const HEARD_FROM_KUBELET: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// Condition, the status in which it taints, and the taint (Taints and Tolerations, "Taint Nodes by Condition").
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// A projection of a node.
#[derive(Debug)]
pub struct NodeView {
    pub object: Object,
    pub unschedulable: bool,
    pub taints: Vec<Taint>,
    pub conditions: Vec<NodeCondition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    spec: Spec,
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    unschedulable: bool,
    taints: Vec<Taint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    conditions: Vec<NodeCondition>,
}

impl From<&Object> for NodeView {
    fn from(object: &Object) -> Self {
        let Node { spec, status } = object.parse().unwrap_or_else(|error| {
            tracing::error!(node = object.name(), %error, "a stored node cannot be parsed");
            Node::default()
        });
        Self { object: object.clone(), unschedulable: spec.unschedulable, taints: spec.taints, conditions: status.conditions }
    }
}

impl NodeView {
    pub fn condition(&self, kind: &str) -> Option<&NodeCondition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// `True`, `False` or `Unknown`; `None` if nobody has said yet.
    pub fn ready(&self) -> Option<&str> {
        self.condition("Ready").map(|ready| ready.status.as_str())
    }

    pub fn is_ready(&self) -> bool {
        self.ready() == Some("True")
    }

    /// Nobody has heard of it for too long.
    pub fn is_silent(&self) -> bool {
        self.ready() == Some("Unknown")
    }

    /// Region and zone.
    pub fn zone(&self) -> String {
        let label = |key| self.object.labels().get(key).map(String::as_str).unwrap_or_default();
        format!("{}:{}", label("topology.kubernetes.io/region"), label("topology.kubernetes.io/zone"))
    }

    /// What changes with each sign of life in the status.
    pub fn heartbeat(&self) -> Option<Timestamp> {
        self.condition("Ready").and_then(|ready| ready.last_heartbeat_time.as_ref()).map(|time| time.0)
    }
}

/// The conditions of a node that has been silent for too long.
pub fn silenced(node: &NodeView, now: Timestamp) -> Vec<NodeCondition> {
    let mut conditions = node.conditions.clone();
    for kind in HEARD_FROM_KUBELET {
        match conditions.iter_mut().find(|condition| condition.type_ == kind) {
            None => conditions.push(NodeCondition {
                type_: kind.into(),
                status: "Unknown".into(),
                reason: Some("NodeStatusNeverUpdated".into()),
                message: Some("Kubelet never posted node status.".into()),
                last_heartbeat_time: node.object.meta().creation_timestamp.map(Time),
                last_transition_time: Some(Time(now)),
            }),
            Some(condition) if condition.status != "Unknown" => {
                condition.status = "Unknown".into();
                condition.reason = Some("NodeStatusUnknown".into());
                condition.message = Some("Kubelet stopped posting node status.".into());
                condition.last_transition_time = Some(Time(now));
            }
            Some(_) => {}
        }
    }
    conditions
}

/// How many of a zone's nodes are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub ready: usize,
    pub not_ready: usize,
}

/// Nodes in a zone above which evictions go on, slowly, while most of its nodes are not ready.
const LARGE_ZONE: usize = 50;

impl Census {
    pub fn count(&mut self, node: &NodeView) {
        *(if node.is_ready() { &mut self.ready } else { &mut self.not_ready }) += 1;
    }

    /// Nodes of the zone from which pods may be evicted, a second: fewer when so many are not ready that it may rather be the network.
    pub fn evictions_per_second(self) -> f64 {
        let all = self.ready + self.not_ready;
        let mostly_down = self.ready > 0 && self.not_ready > 2 && self.not_ready * 100 >= all * 55;
        match (mostly_down, all > LARGE_ZONE) {
            (false, _) => 0.1,
            (true, true) => 0.01,
            (true, false) => 0.0,
        }
    }
}

/// What is known of the nodes' neighbourhood when one is about to be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// It is this node's turn.
    Allowed,
    /// Not yet; what is being evicted already goes on.
    Deferred,
    /// Not one node is ready: then it is this controller that is cut off, and nothing is evicted.
    Suspended,
}

/// The taints that a node is to have, in the order in which they stand or come.
pub fn taints(node: &NodeView, eviction: Eviction, now: Timestamp) -> Vec<Taint> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (kind, status, key) in BY_CONDITION {
        if node.condition(kind).is_some_and(|condition| condition.status == status) {
            wanted.push((key, "NoSchedule"));
        }
    }
    if node.unschedulable {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    let executed = node.taints.iter().any(|taint| taint.effect == "NoExecute" && [NOT_READY, UNREACHABLE].contains(&taint.key.as_str()));
    let evict = eviction == Eviction::Allowed || (eviction == Eviction::Deferred && executed);
    match node.ready() {
        Some("False") if evict => wanted.push((NOT_READY, "NoExecute")),
        Some("Unknown") if evict => wanted.push((UNREACHABLE, "NoExecute")),
        _ => {}
    }
    let is = |taint: &Taint, (key, effect): &(&str, &str)| taint.key == *key && taint.effect == *effect;
    let managed = |taint: &Taint| {
        let by_condition = BY_CONDITION.iter().any(|(_, _, key)| taint.key == *key) || taint.key == UNSCHEDULABLE;
        let executing = [NOT_READY, UNREACHABLE].contains(&taint.key.as_str());
        (taint.effect == "NoSchedule" && by_condition) || (taint.effect == "NoExecute" && executing)
    };
    let mut taints = node.taints.clone();
    // A node that has not said anything yet keeps what admission gave it.
    if node.ready().is_some() && !planted(Flaw::KeepsTaints) {
        taints.retain(|taint| !managed(taint) || wanted.iter().any(|wish| is(taint, wish)));
    }
    for wish in wanted {
        if !taints.iter().any(|taint| is(taint, &wish)) {
            let (key, effect) = wish;
            taints.push(Taint { key: key.into(), effect: effect.into(), time_added: Some(Time(now)), value: None });
        }
    }
    taints
}

//! Topology spread constraints.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1;

use super::affinity::tolerates;
use super::node::NodeInfo;
use super::pod::PodInfo;
use crate::api::selector::LabelSelector;

/// How far the number of like pods may differ between domains.
#[derive(Clone, Debug)]
pub struct Constraint {
    pub max_skew: i64,
    pub min_domains: i64,
    pub topology_key: String,
    /// `DoNotSchedule`, as against `ScheduleAnyway`.
    pub hard: bool,
    honors_affinity: bool,
    honors_taints: bool,
    selector: Option<LabelSelector>,
    /// From `matchLabelKeys`: labels that must be those of the pod itself.
    same: BTreeMap<String, String>,
}

impl Constraint {
    pub fn new(constraint: v1::TopologySpreadConstraint, labels: &BTreeMap<String, String>) -> Self {
        let keys = constraint.match_label_keys.unwrap_or_default();
        Self {
            max_skew: constraint.max_skew.into(),
            min_domains: constraint.min_domains.unwrap_or(1).into(),
            topology_key: constraint.topology_key,
            hard: constraint.when_unsatisfiable == "DoNotSchedule",
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
            selector: constraint.label_selector.as_ref().and_then(|selector| LabelSelector::from_spec(selector).ok()),
            same: keys.into_iter().filter_map(|key| labels.get(&key).map(|value| (key.clone(), value.clone()))).collect(),
        }
    }

    /// A soft constraint of the scheduler's own, for pods that state none: those with these labels.
    pub fn by_default(topology_key: &str, max_skew: i64, selector: LabelSelector) -> Self {
        Self {
            max_skew,
            min_domains: 1,
            topology_key: topology_key.into(),
            hard: false,
            honors_affinity: true,
            honors_taints: false,
            selector: Some(selector),
            same: BTreeMap::new(),
        }
    }

    /// Whether a pod of the same namespace counts.
    pub fn counts(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.matches(labels))
            && self.same.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether a node's domain is one of those compared.
    pub fn includes(&self, node: &NodeInfo, pod: &PodInfo) -> bool {
        (!self.honors_affinity || node.is_chosen_by(pod)) && (!self.honors_taints || refusing_taint(node, pod).is_none())
    }
}

/// The pods of each domain that a constraint counts. Domains without any are there with zero.
pub fn domains<'a>(constraint: &Constraint, pod: &PodInfo, nodes: impl Iterator<Item = &'a NodeInfo>) -> BTreeMap<&'a str, i64> {
    let mut domains: BTreeMap<&str, i64> = BTreeMap::new();
    for node in nodes.filter(|node| constraint.includes(node, pod)) {
        if let Some(domain) = node.labels.get(&constraint.topology_key) {
            *domains.entry(domain).or_default() += counted(constraint, pod, node);
        }
    }
    domains
}

/// The pods of one node that a constraint counts.
pub fn counted(constraint: &Constraint, pod: &PodInfo, node: &NodeInfo) -> i64 {
    let like = |other: &&std::sync::Arc<PodInfo>| {
        other.key.namespace == pod.key.namespace && !other.terminating && constraint.counts(&other.labels)
    };
    node.pods.values().filter(like).count() as i64
}

/// A node counts only if it has the keys of all constraints of the same sort.
pub fn has_keys(node: &NodeInfo, keys: &BTreeSet<&str>) -> bool {
    keys.iter().all(|key| node.labels.contains_key(*key))
}

/// The first taint that keeps the pod away.
pub fn refusing_taint<'a>(node: &'a NodeInfo, pod: &PodInfo) -> Option<&'a v1::Taint> {
    node.taints
        .iter()
        .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
        .find(|taint| !pod.tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

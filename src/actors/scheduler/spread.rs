//! Topology spread constraints.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1;

use super::affinity::tolerates;
use super::cluster::Cluster;
use super::counts::Counted;
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::tally::{Question, Who};
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
    like: Like,
}

/// Which pods are like the one that a constraint is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    selector: Option<LabelSelector>,
    /// From `matchLabelKeys`: labels that must be those of the pod itself.
    same: BTreeMap<String, String>,
}

impl Like {
    pub fn is(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.matches(labels))
            && self.same.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
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
            like: Like {
                selector: constraint.label_selector.as_ref().and_then(|selector| LabelSelector::from_spec(selector).ok()),
                same: keys.into_iter().filter_map(|key| labels.get(&key).map(|value| (key.clone(), value.clone()))).collect(),
            },
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
            like: Like { selector: Some(selector), same: BTreeMap::new() },
        }
    }

    /// Whether a pod of the same namespace counts.
    pub fn counts(&self, labels: &BTreeMap<String, String>) -> bool {
        self.like.is(labels)
    }

    /// What it asks of all nodes that have these keys; `None` if which of them it compares depends on more than a question can say.
    pub fn question(&self, pod: &PodInfo, keys: &BTreeSet<String>) -> Option<Question> {
        let is_particular = self.honors_taints || self.honors_affinity && pod.node_required.is_some();
        (!is_particular).then(|| self.bare_question(pod, keys))
    }

    fn bare_question(&self, pod: &PodInfo, keys: &BTreeSet<String>) -> Question {
        Question {
            topology_key: self.topology_key.clone(),
            who: Who::Like(pod.key.namespace.clone(), self.like.clone()),
            keys: keys.clone(),
            node_selector: if self.honors_affinity { pod.node_selector.clone() } else { BTreeMap::new() },
        }
    }

    /// The pods that it counts on nodes that have these keys.
    pub fn counted(&self, pod: &PodInfo, cluster: &Cluster, keys: &BTreeSet<String>) -> Counted {
        match self.question(pod, keys) {
            Some(question) => cluster.counted(question),
            None => cluster.counted_on(self.bare_question(pod, keys), |node| self.includes(node, pod)),
        }
    }

    /// Whether a node's domain is one of those compared.
    fn includes(&self, node: &NodeInfo, pod: &PodInfo) -> bool {
        (!self.honors_affinity || node.is_chosen_by(pod)) && (!self.honors_taints || refusing_taint(node, pod).is_none())
    }
}

/// The first taint that keeps the pod away.
pub fn refusing_taint<'a>(node: &'a NodeInfo, pod: &PodInfo) -> Option<&'a v1::Taint> {
    node.taints
        .iter()
        .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
        .find(|taint| !pod.tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

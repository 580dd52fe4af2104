//! Terms by which a pod chooses nodes, and other pods to be near or far from.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1;

use super::node::NodeInfo;
use super::pod::PodInfo;
use crate::api::object::Object;
use crate::api::selector::LabelSelector;

/// Required node terms: one of them must hold.
#[derive(Debug)]
pub struct NodeTerms(Vec<v1::NodeSelectorTerm>);

impl From<v1::NodeSelector> for NodeTerms {
    fn from(selector: v1::NodeSelector) -> Self {
        Self(selector.node_selector_terms)
    }
}

impl NodeTerms {
    pub fn match_node(&self, node: &NodeInfo) -> bool {
        self.0.iter().any(|term| term_matches(term, node))
    }
}

/// A preferred node term.
#[derive(Debug)]
pub struct WeightedNodeTerm {
    pub weight: i64,
    term: v1::NodeSelectorTerm,
}

impl WeightedNodeTerm {
    pub fn all(terms: Vec<v1::PreferredSchedulingTerm>) -> Vec<Self> {
        terms.into_iter().map(|preferred| Self { weight: preferred.weight.into(), term: preferred.preference }).collect()
    }

    pub fn matches(&self, node: &NodeInfo) -> bool {
        term_matches(&self.term, node)
    }
}

/// All expressions of a term hold; a term without any holds for no node.
fn term_matches(term: &v1::NodeSelectorTerm, node: &NodeInfo) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    // The only field that can be matched is the name.
    let named = |requirement: &v1::NodeSelectorRequirement| {
        let value = (requirement.key == "metadata.name").then_some(&*node.name);
        requirement_holds(requirement, value)
    };
    let labelled =
        |requirement: &v1::NodeSelectorRequirement| requirement_holds(requirement, node.labels.get(&requirement.key).map(String::as_str));
    expressions.iter().all(labelled) && fields.iter().all(named)
}

fn requirement_holds(requirement: &v1::NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let compared = |holds: fn(i64, i64) -> bool| match (value.and_then(|v| v.parse().ok()), values.first().and_then(|v| v.parse().ok())) {
        (Some(actual), Some(bound)) => holds(actual, bound),
        _ => false,
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
        "NotIn" => value.is_none_or(|value| values.iter().all(|unwanted| unwanted != value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(|actual, bound| actual > bound),
        "Lt" => compared(|actual, bound| actual < bound),
        _ => false,
    }
}

/// Other pods, and the topology within which being beside them counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodTerm {
    selector: LabelSelector,
    namespaces: BTreeSet<String>,
    /// Namespaces by their labels; `None` chooses none.
    namespace_selector: Option<LabelSelector>,
    pub topology_key: String,
}

impl PodTerm {
    /// The terms of a pod. One whose selector is missing or cannot be read matches nothing, and is left out.
    pub fn all(terms: Vec<v1::PodAffinityTerm>, pod: &Object) -> Vec<Self> {
        terms.into_iter().filter_map(|term| Self::new(term, pod)).collect()
    }

    fn new(term: v1::PodAffinityTerm, pod: &Object) -> Option<Self> {
        let namespace_selector = term.namespace_selector.as_ref().and_then(|selector| LabelSelector::from_spec(selector).ok());
        let mut namespaces: BTreeSet<String> = term.namespaces.unwrap_or_default().into_iter().collect();
        if namespaces.is_empty() && namespace_selector.is_none() {
            namespaces.insert(pod.namespace().to_owned());
        }
        let selector = LabelSelector::from_spec(&term.label_selector?).ok()?;
        Some(Self { selector, namespaces, namespace_selector, topology_key: term.topology_key })
    }

    /// Whether the term speaks of this pod. `namespaces` gives a namespace's labels.
    pub fn speaks_of(&self, pod: &PodInfo, namespaces: &BTreeMap<String, BTreeMap<String, String>>) -> bool {
        let namespace = &*pod.key.namespace;
        let by_labels =
            |selector: &LabelSelector| selector.is_everything() || namespaces.get(namespace).is_some_and(|labels| selector.matches(labels));
        (self.namespaces.contains(namespace) || self.namespace_selector.as_ref().is_some_and(by_labels))
            && self.selector.matches(&pod.labels)
    }
}

/// A preferred pod term.
#[derive(Debug)]
pub struct WeightedPodTerm {
    pub weight: i64,
    pub term: PodTerm,
}

impl WeightedPodTerm {
    pub fn all(terms: Vec<v1::WeightedPodAffinityTerm>, pod: &Object) -> Vec<Self> {
        terms
            .into_iter()
            .filter_map(|weighted| Some(Self { weight: weighted.weight.into(), term: PodTerm::new(weighted.pod_affinity_term, pod)? }))
            .collect()
    }
}

/// Whether a toleration answers a taint (the API concept's page on taints).
pub fn tolerates(toleration: &v1::Toleration, taint: &v1::Taint) -> bool {
    let matches = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == actual);
    let value = taint.value.as_deref().unwrap_or_default();
    let compared = |holds: fn(i64, i64) -> bool| {
        let bound = toleration.value.as_deref().and_then(|bound| bound.parse().ok());
        value.parse().ok().zip(bound).is_some_and(|(actual, bound)| holds(actual, bound))
    };
    matches(&toleration.effect, &taint.effect)
        && matches(&toleration.key, &taint.key)
        && match toleration.operator.as_deref() {
            Some("Exists") => true,
            Some("Lt") => compared(|actual, bound| actual < bound),
            Some("Gt") => compared(|actual, bound| actual > bound),
            _ => toleration.value.as_deref().unwrap_or_default() == value,
        }
}

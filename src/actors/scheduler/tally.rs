//! How many pods of a sort each domain of a topology has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::affinity::PodTerm;
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::spread::Like;
use super::topology::{Column, Topology};

/// Labels by namespace.
pub type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// Which pods count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Those of a namespace that are like this, and are not about to end.
    Like(Arc<str>, Like),
    /// Those of whom every term speaks.
    Spoken(Vec<PodTerm>),
}

impl Who {
    fn counts(&self, pod: &PodInfo, namespaces: &Namespaces) -> bool {
        match self {
            Self::Like(namespace, like) => *namespace == pod.key.namespace && !pod.terminating && like.is(&pod.labels),
            Self::Spoken(terms) => !pod.ended && terms.iter().all(|term| term.speaks_of(pod, namespaces)),
        }
    }
}

/// What is to be counted: pods of a sort, by the domains of a label, on nodes of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub topology_key: String,
    pub who: Who,
    /// Labels that a node must have to be counted.
    pub keys: BTreeSet<String>,
    /// Values that it must have.
    pub node_selector: BTreeMap<String, String>,
}

impl Question {
    /// Pods of whom all these terms speak, on any node.
    pub fn spoken(terms: &[PodTerm], topology_key: &str) -> Self {
        let who = Who::Spoken(terms.to_vec());
        Self { topology_key: topology_key.to_owned(), who, keys: BTreeSet::new(), node_selector: BTreeMap::new() }
    }

    /// Whose pods are meant may depend on the labels of their namespaces.
    pub fn depends_on_namespaces(&self) -> bool {
        matches!(self.who, Who::Spoken(_))
    }

    fn includes(&self, node: &NodeInfo) -> bool {
        self.keys.iter().all(|key| node.labels.contains_key(key))
            && self.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value))
    }
}

/// The answer, kept right by hearing of every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub question: Question,
    nodes: Column,
    pods: Column,
    total: i64,
}

impl Tally {
    pub fn new(question: Question) -> Self {
        Self { question, nodes: Column::default(), pods: Column::default(), total: 0 }
    }

    /// A node with its pods has come (1) or is about to go (-1).
    pub fn add_node(&mut self, topology: &Topology, node: &NodeInfo, namespaces: &Namespaces, sign: i64) {
        let Some(domain) = topology.domain(node.place).filter(|_| self.question.includes(node)) else { return };
        let pods = node.pods.values().filter(|pod| self.question.who.counts(pod, namespaces)).count() as i64;
        self.nodes.add(domain, sign);
        self.pods.add(domain, sign * pods);
        self.total += sign * pods;
    }

    /// Whether a pod on a node counts.
    pub fn counts(&self, node: &NodeInfo, pod: &PodInfo, namespaces: &Namespaces) -> bool {
        self.question.who.counts(pod, namespaces) && self.question.includes(node)
    }

    /// A pod that counts has come to a node (1) or goes from it (-1).
    pub fn add_pod(&mut self, topology: &Topology, node: &NodeInfo, sign: i64) {
        if let Some(domain) = topology.domain(node.place) {
            self.pods.add(domain, sign);
            self.total += sign;
        }
    }

    /// The pods of a domain.
    pub fn pods(&self, domain: usize) -> i64 {
        self.pods.get(domain)
    }

    /// The pods of all domains.
    pub fn total(&self) -> i64 {
        self.total
    }

    /// The pods of each domain that has a node.
    pub fn domains(&self) -> impl Iterator<Item = i64> {
        self.nodes.iter().filter(|(_, nodes)| *nodes > 0).map(|(domain, _)| self.pods.get(domain))
    }
}

//! What is known of pods by topology, so that no decision has to count them anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::affinity::PodTerm;
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::tally::{Namespaces, Question, Tally};
use super::topology::{Column, Topology};

/// What a required term of a pod that is there weighs for pods that it speaks of.
const REQUIRED_WEIGHT: i64 = 1;
/// Tallies that are kept up to date. Pods of so many sorts can take turns; one of yet another sort costs a count.
const TALLIES: usize = 64;

/// A tally and its topology: what one pod's rules ask.
pub struct Counted {
    topology: Arc<Topology>,
    pub tally: Arc<Tally>,
}

impl Counted {
    /// Counts now, nodes that are there.
    pub fn anew<'a>(
        question: Question,
        topology: Arc<Topology>,
        nodes: impl Iterator<Item = &'a NodeInfo>,
        namespaces: &Namespaces,
    ) -> Self {
        let mut tally = Tally::new(question);
        nodes.for_each(|node| tally.add_node(&topology, node, namespaces, 1));
        Self { topology, tally: Arc::new(tally) }
    }

    /// The pods in a node's domain; `None` if it is in none.
    pub fn beside(&self, node: &NodeInfo) -> Option<i64> {
        self.topology.domain(node.place).map(|domain| self.tally.pods(domain))
    }

    pub fn is_in_domain(&self, node: &NodeInfo) -> bool {
        self.topology.domain(node.place).is_some()
    }

    /// How many domains these nodes are in.
    pub fn distinct(&self, nodes: &[&NodeInfo]) -> usize {
        self.topology.distinct(nodes.iter().map(|node| node.place))
    }
}

/// What the pods that are there, and whose terms are equal, mean for a pod that these speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pull {
    /// Those that want it not beside them.
    refusals: Column,
    /// How much the others want it.
    weights: Column,
    uses: usize,
}

/// The pull on one pod.
pub struct Drawn {
    topology: Arc<Topology>,
    pull: Arc<Pull>,
}

impl Drawn {
    /// Pods in the node's domain want this one not to be there.
    pub fn refuses(&self, node: &NodeInfo) -> bool {
        self.topology.domain(node.place).is_some_and(|domain| self.pull.refusals.get(domain) > 0)
    }

    pub fn refuses_somewhere(&self) -> bool {
        !self.pull.refusals.is_zero()
    }

    /// How much pods in the node's domain want this one there.
    pub fn weight(&self, node: &NodeInfo) -> i64 {
        self.topology.domain(node.place).map_or(0, |domain| self.pull.weights.get(domain))
    }

    pub fn weighs_somewhere(&self) -> bool {
        !self.pull.weights.is_zero()
    }
}

/// All that is counted. It hears of every change to nodes that are there.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    topologies: BTreeMap<String, Arc<Topology>>,
    /// Those asked for last come first.
    tallies: Vec<Arc<Tally>>,
    pulls: BTreeMap<PodTerm, Arc<Pull>>,
}

impl Counts {
    pub fn topology(&self, key: &str, nodes: &[Arc<NodeInfo>]) -> Arc<Topology> {
        self.topologies.get(key).cloned().unwrap_or_else(|| divide(key, nodes))
    }

    pub fn tally(&self, question: &Question) -> Option<Counted> {
        let tally = self.tallies.iter().find(|tally| tally.question == *question)?;
        Some(Counted { topology: self.topologies.get(&question.topology_key)?.clone(), tally: tally.clone() })
    }

    /// Keeps the answer to a question from now on.
    pub fn keep(&mut self, question: Question, nodes: &[Arc<NodeInfo>], namespaces: &Namespaces) {
        if let Some(place) = self.tallies.iter().position(|tally| tally.question == question) {
            self.tallies[..=place].rotate_right(1);
            return;
        }
        let topology = self.divide_by(&question.topology_key, nodes);
        let known = nodes.iter().map(|node| &**node).filter(|node| node.known);
        self.tallies.insert(0, Counted::anew(question, topology, known, namespaces).tally);
        if self.tallies.len() > TALLIES {
            self.tallies.truncate(TALLIES);
            let (tallies, pulls) = (&self.tallies, &self.pulls);
            let is_used = |key: &String| {
                tallies.iter().any(|tally| tally.question.topology_key == *key) || pulls.keys().any(|term| term.topology_key == *key)
            };
            self.topologies.retain(|key, _| is_used(key));
        }
    }

    fn divide_by(&mut self, key: &str, nodes: &[Arc<NodeInfo>]) -> Arc<Topology> {
        self.topologies.entry(key.to_owned()).or_insert_with(|| divide(key, nodes)).clone()
    }

    /// Terms may speak of other pods now.
    pub fn namespaces_changed(&mut self) {
        self.tallies.retain(|tally| !tally.question.depends_on_namespaces());
    }

    /// What pulls at a pod.
    pub fn pulls<'a>(&'a self, pod: &'a PodInfo, namespaces: &'a Namespaces) -> impl Iterator<Item = Drawn> + 'a {
        let speaking = self.pulls.iter().filter(|(term, _)| term.speaks_of(pod, namespaces));
        speaking.filter_map(|(term, pull)| Some(Drawn { topology: self.topologies.get(&term.topology_key)?.clone(), pull: pull.clone() }))
    }

    /// A node has these labels from now on; none if it is not there.
    pub fn relabel(&mut self, place: usize, labels: Option<&BTreeMap<String, String>>) {
        for (key, topology) in &mut self.topologies {
            Arc::make_mut(topology).set(place, labels.and_then(|labels| labels.get(key)));
        }
    }

    /// A node that is there, with its pods, counts from now on (1), or no more (-1).
    pub fn add_node(&mut self, place: usize, nodes: &[Arc<NodeInfo>], namespaces: &Namespaces, sign: i64) {
        let node = &nodes[place];
        for tally in &mut self.tallies {
            if let Some(topology) = self.topologies.get(&tally.question.topology_key) {
                Arc::make_mut(tally).add_node(topology, node, namespaces, sign);
            }
        }
        for pod in node.pods.values() {
            self.pull(place, nodes, pod, sign);
        }
    }

    /// A pod has come to a node that is there (1), or gone from it (-1).
    pub fn add_pod(&mut self, place: usize, nodes: &[Arc<NodeInfo>], pod: &PodInfo, namespaces: &Namespaces, sign: i64) {
        let node = &nodes[place];
        for tally in self.tallies.iter_mut().filter(|tally| tally.counts(node, pod, namespaces)) {
            if let Some(topology) = self.topologies.get(&tally.question.topology_key) {
                Arc::make_mut(tally).add_pod(topology, node, sign);
            }
        }
        self.pull(place, nodes, pod, sign);
    }

    fn pull(&mut self, place: usize, nodes: &[Arc<NodeInfo>], pod: &PodInfo, sign: i64) {
        let apart = pod.apart.iter().map(|term| (term, None));
        let near = pod.near.iter().map(|term| (term, Some(REQUIRED_WEIGHT)));
        let near_preferred = pod.near_preferred.iter().map(|preferred| (&preferred.term, Some(preferred.weight)));
        let apart_preferred = pod.apart_preferred.iter().map(|preferred| (&preferred.term, Some(-preferred.weight)));
        for (term, weight) in apart.chain(near).chain(near_preferred).chain(apart_preferred) {
            let topology = self.divide_by(&term.topology_key, nodes);
            let pull = match self.pulls.get_mut(term) {
                Some(pull) => pull,
                None => self.pulls.entry(term.clone()).or_default(),
            };
            let pull = Arc::make_mut(pull);
            pull.uses = pull.uses.saturating_add_signed(sign as isize);
            if let Some(domain) = topology.domain(place) {
                match weight {
                    None => pull.refusals.add(domain, sign),
                    Some(weight) => pull.weights.add(domain, sign * weight),
                }
            }
            if pull.uses == 0 {
                self.pulls.remove(term);
            }
        }
    }
}

fn divide(key: &str, nodes: &[Arc<NodeInfo>]) -> Arc<Topology> {
    let mut topology = Topology::default();
    nodes.iter().filter(|node| node.known).for_each(|node| topology.set(node.place, node.labels.get(key)));
    Arc::new(topology)
}

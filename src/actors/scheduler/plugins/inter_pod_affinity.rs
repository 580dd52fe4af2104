//! Pods that must, must not or would rather be near other pods.

use std::collections::BTreeMap;

use crate::actors::scheduler::affinity::PodTerm;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

/// What a required term of a pod that is there weighs for pods that it speaks of.
const REQUIRED_WEIGHT: i64 = 1;

pub struct InterPodAffinity;

/// Some domains of each topology key, and what is known of them. A node is found in them at once, however many there are.
type Domains<'a, T> = BTreeMap<&'a str, BTreeMap<&'a str, T>>;

struct Required<'a> {
    pod: &'a PodInfo,
    /// Where pods that are there want none like this one.
    unwanted: Domains<'a, ()>,
    /// Where pods are that this one must not be beside.
    avoided: Domains<'a, ()>,
    /// Where pods are that match every term of this one.
    sought: Domains<'a, ()>,
    /// No pod matches, but this one does: it may be the first.
    first: bool,
}

struct Preferred<'a> {
    domains: Domains<'a, i64>,
}

/// What is known of the node's domain of the term's key, to be changed; `None` if the node is in none.
fn domain<'d, 'a, T: Default>(domains: &'d mut Domains<'a, T>, term: &'a PodTerm, node: &'a NodeInfo) -> Option<&'d mut T> {
    let value = node.labels.get(&term.topology_key)?;
    Some(domains.entry(&term.topology_key).or_default().entry(value).or_default())
}

/// What is known of the node's domain of each key.
fn known<'d, T>(domains: &'d Domains<'_, T>, node: &NodeInfo) -> impl Iterator<Item = &'d T> {
    domains.iter().filter_map(|(key, values)| values.get(node.labels.get(*key)?.as_str()))
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let speaks = |term: &PodTerm, of: &PodInfo| term.speaks_of(of, &cluster.namespaces);
        let (mut unwanted, mut avoided, mut sought) = (Domains::new(), Domains::new(), Domains::new());
        for (other, node) in cluster.choosy() {
            other.apart.iter().filter(|term| speaks(term, pod)).for_each(|term| _ = domain(&mut unwanted, term, node));
        }
        let is_choosy = !pod.near.is_empty() || !pod.apart.is_empty();
        if !is_choosy && unwanted.is_empty() {
            return Ok(None);
        }
        let nodes = cluster.nodes().filter(|_| is_choosy);
        for (node, other) in nodes.flat_map(|node| node.pods.values().map(move |other| (node, other))).filter(|(_, other)| !other.ended) {
            pod.apart.iter().filter(|term| speaks(term, other)).for_each(|term| _ = domain(&mut avoided, term, node));
            if !pod.near.is_empty() && pod.near.iter().all(|term| speaks(term, other)) {
                pod.near.iter().for_each(|term| _ = domain(&mut sought, term, node));
            }
        }
        let first = sought.is_empty() && pod.near.iter().all(|term| speaks(term, pod));
        Ok(Some(Box::new(Required { pod, unwanted, avoided, sought, first })))
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let speaks = |term: &PodTerm, of: &PodInfo| term.speaks_of(of, &cluster.namespaces);
        let mut domains = Domains::new();
        let mut add = |term: &'a PodTerm, of: &PodInfo, node: &'a NodeInfo, weight: i64| {
            if speaks(term, of)
                && let Some(sum) = domain(&mut domains, term, node)
            {
                *sum += weight;
            }
        };
        for (other, node) in cluster.choosy() {
            other.near.iter().for_each(|term| add(term, pod, node, REQUIRED_WEIGHT));
            other.near_preferred.iter().for_each(|preferred| add(&preferred.term, pod, node, preferred.weight));
            other.apart_preferred.iter().for_each(|preferred| add(&preferred.term, pod, node, -preferred.weight));
        }
        if !pod.near_preferred.is_empty() || !pod.apart_preferred.is_empty() {
            for node in cluster.nodes() {
                for other in node.pods.values() {
                    pod.near_preferred.iter().for_each(|preferred| add(&preferred.term, other, node, preferred.weight));
                    pod.apart_preferred.iter().for_each(|preferred| add(&preferred.term, other, node, -preferred.weight));
                }
            }
        }
        (!domains.is_empty()).then(|| Box::new(Preferred { domains }) as _)
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::Node { .. } | ClusterEvent::Namespace => true,
            ClusterEvent::PodPlaced(_) => !pod.near.is_empty(),
            ClusterEvent::PodGone(gone) => !pod.apart.is_empty() || !gone.apart.is_empty(),
            ClusterEvent::NodeGone | ClusterEvent::Claim(_) | ClusterEvent::Volume => false,
        }
    }
}

impl Filter for Required<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        let near = self.pod.near.iter().all(|term| {
            let key = term.topology_key.as_str();
            let is_sought = |value: &String| self.sought.get(key).is_some_and(|values| values.contains_key(value.as_str()));
            node.labels.get(key).is_some_and(|value| self.first || is_sought(value))
        });
        if !near {
            return Err(Refusal::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if known(&self.avoided, node).next().is_some() {
            return Err(Refusal::resolvable("node(s) didn't match pod anti-affinity rules"));
        }
        if known(&self.unwanted, node).next().is_some() {
            return Err(Refusal::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }
}

impl Score for Preferred<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        known(&self.domains, node).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        let (min, max) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
        for score in scores {
            *score = if max == min { 0 } else { MAX_SCORE * (*score - min) / (max - min) };
        }
    }
}

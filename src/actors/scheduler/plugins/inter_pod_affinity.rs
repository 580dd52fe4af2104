//! Pods that must, must not or would rather be near other pods.

use std::collections::{BTreeMap, BTreeSet};

use crate::actors::scheduler::affinity::PodTerm;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

/// What a required term of a pod that is there weighs for pods that it speaks of.
const REQUIRED_WEIGHT: i64 = 1;

pub struct InterPodAffinity;

/// A topology key and one of its domains.
type Domain = (String, String);

struct Required<'a> {
    pod: &'a PodInfo,
    /// Where pods that are there want none like this one.
    unwanted: BTreeSet<Domain>,
    /// Where pods are that this one must not be beside.
    avoided: BTreeSet<Domain>,
    /// Where pods are that match every term of this one.
    sought: BTreeSet<Domain>,
    /// No pod matches, but this one does: it may be the first.
    first: bool,
}

struct Preferred {
    domains: BTreeMap<Domain, i64>,
}

fn domain(term: &PodTerm, node: &NodeInfo) -> Option<Domain> {
    Some((term.topology_key.clone(), node.labels.get(&term.topology_key)?.clone()))
}

fn is_in(node: &NodeInfo, domains: &BTreeSet<Domain>) -> bool {
    domains.iter().any(|(key, value)| node.labels.get(key) == Some(value))
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
        let mut required = Required { pod, unwanted: BTreeSet::new(), avoided: BTreeSet::new(), sought: BTreeSet::new(), first: false };
        for (other, node) in cluster.choosy() {
            required.unwanted.extend(other.apart.iter().filter(|term| speaks(term, pod)).filter_map(|term| domain(term, node)));
        }
        if pod.near.is_empty() && pod.apart.is_empty() {
            return Ok((!required.unwanted.is_empty()).then(|| Box::new(required) as _));
        }
        for node in cluster.nodes() {
            for other in node.pods.values().filter(|other| !other.ended) {
                required.avoided.extend(pod.apart.iter().filter(|term| speaks(term, other)).filter_map(|term| domain(term, node)));
                if !pod.near.is_empty() && pod.near.iter().all(|term| speaks(term, other)) {
                    required.sought.extend(pod.near.iter().filter_map(|term| domain(term, node)));
                }
            }
        }
        required.first = required.sought.is_empty() && pod.near.iter().all(|term| speaks(term, pod));
        Ok(Some(Box::new(required)))
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let speaks = |term: &PodTerm, of: &PodInfo| term.speaks_of(of, &cluster.namespaces);
        let mut domains: BTreeMap<Domain, i64> = BTreeMap::new();
        let mut add = |term: &PodTerm, of: &PodInfo, node: &NodeInfo, weight: i64| {
            if let Some(domain) = domain(term, node).filter(|_| speaks(term, of)) {
                *domains.entry(domain).or_default() += weight;
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
        let near = self.pod.near.iter().all(|term| match domain(term, node) {
            Some(domain) => self.first || self.sought.contains(&domain),
            None => false,
        });
        if !near {
            return Err(Refusal::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if is_in(node, &self.avoided) {
            return Err(Refusal::resolvable("node(s) didn't match pod anti-affinity rules"));
        }
        if is_in(node, &self.unwanted) {
            return Err(Refusal::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }
}

impl Score for Preferred {
    fn score(&self, node: &NodeInfo) -> i64 {
        self.domains.iter().filter(|((key, value), _)| node.labels.get(key) == Some(value)).map(|(_, weight)| weight).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        let (min, max) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
        for score in scores {
            *score = if max == min { 0 } else { MAX_SCORE * (*score - min) / (max - min) };
        }
    }
}

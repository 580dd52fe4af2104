//! Keeps like pods apart over zones, nodes or whatever else labels divide nodes into.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::actors::scheduler::spread::{Constraint, counted, domains, has_keys};

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
/// What marks a node that takes no part in the ranking.
const APART: i64 = -1;

pub struct PodTopologySpread;

/// What each hard constraint counts in each domain.
struct Skew<'a> {
    pod: &'a PodInfo,
    constraints: Vec<(&'a Constraint, BTreeMap<&'a str, i64>)>,
}

/// What each soft constraint counts in each domain, and how much it weighs.
struct Evenness<'a> {
    pod: &'a PodInfo,
    constraints: Vec<SoftConstraint<'a>>,
    /// A pod's own constraints leave out nodes that lack a key; the default ones do not.
    required: BTreeSet<String>,
}

struct SoftConstraint<'a> {
    constraint: Cow<'a, Constraint>,
    /// By domain; for host names each node is counted when it is ranked.
    counts: BTreeMap<String, i64>,
    weight: f64,
}

fn keys<'a>(constraints: impl Iterator<Item = &'a Constraint>) -> BTreeSet<&'a str> {
    constraints.map(|constraint| constraint.topology_key.as_str()).collect()
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let hard = || pod.spread.iter().filter(|constraint| constraint.hard);
        let keys = keys(hard());
        if keys.is_empty() {
            return Ok(None);
        }
        let count = |constraint: &'a Constraint| domains(constraint, pod, cluster.nodes().filter(|node| has_keys(node, &keys)));
        Ok(Some(Box::new(Skew { pod, constraints: hard().map(|constraint| (constraint, count(constraint))).collect() })))
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, feasible: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let own: Vec<Cow<Constraint>> = pod.spread.iter().filter(|constraint| !constraint.hard).map(Cow::Borrowed).collect();
        let stated = !pod.spread.is_empty();
        let constraints = if stated { own } else { by_default(pod, cluster) };
        if constraints.is_empty() {
            return None;
        }
        let required: BTreeSet<String> = match stated {
            true => constraints.iter().map(|constraint| constraint.topology_key.clone()).collect(),
            false => BTreeSet::new(),
        };
        let keys: BTreeSet<&str> = required.iter().map(String::as_str).collect();
        let constraints = constraints.into_iter().map(|constraint| {
            let size = match constraint.topology_key.as_str() {
                HOSTNAME => feasible.iter().filter(|node| has_keys(node, &keys)).count(),
                key => feasible.iter().filter_map(|node| node.labels.get(key)).collect::<BTreeSet<_>>().len(),
            };
            let nodes = cluster.nodes().filter(|node| constraint.topology_key != HOSTNAME && has_keys(node, &keys));
            let counts = domains(&constraint, pod, nodes).into_iter().map(|(domain, count)| (domain.to_owned(), count)).collect();
            SoftConstraint { constraint, counts, weight: (size as f64 + 2.0).ln() }
        });
        let constraints = constraints.collect();
        Some(Box::new(Evenness { pod, constraints, required }))
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        let counts = |other: &PodInfo| {
            other.key.namespace == pod.key.namespace && pod.spread.iter().any(|constraint| constraint.counts(&other.labels))
        };
        match event {
            ClusterEvent::Node { .. } | ClusterEvent::NodeGone => true,
            ClusterEvent::PodPlaced(other) | ClusterEvent::PodGone(other) => counts(other),
            ClusterEvent::Claim(_) | ClusterEvent::Volume | ClusterEvent::Namespace => false,
        }
    }
}

/// Upstream's system default: over nodes by at most 3, over zones by at most 5, both soft.
fn by_default<'a>(pod: &PodInfo, cluster: &Cluster) -> Vec<Cow<'a, Constraint>> {
    let Some(selector) = cluster.group_selector(pod) else { return Vec::new() };
    [(HOSTNAME, 3), (ZONE, 5)].map(|(key, skew)| Cow::Owned(Constraint::by_default(key, skew, selector.clone()))).into()
}

impl Filter for Skew<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        for (constraint, domains) in &self.constraints {
            let Some(domain) = node.labels.get(&constraint.topology_key) else {
                return Err(Refusal::unresolvable("node(s) didn't match pod topology spread constraints (missing required label)"));
            };
            let too_few = (domains.len() as i64) < constraint.min_domains;
            let least = if too_few { 0 } else { domains.values().copied().min().unwrap_or(0) };
            let own = i64::from(constraint.counts(&self.pod.labels));
            let here = domains.get(domain.as_str()).copied().unwrap_or(0);
            if here + own - least > constraint.max_skew {
                return Err(Refusal::resolvable("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }
}

impl Score for Evenness<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        if !self.required.iter().all(|key| node.labels.contains_key(key)) {
            return APART;
        }
        let mut score = 0.0;
        for SoftConstraint { constraint, counts, weight } in &self.constraints {
            let Some(domain) = node.labels.get(&constraint.topology_key) else { continue };
            let count = match constraint.topology_key.as_str() {
                HOSTNAME => counted(constraint, self.pod, node),
                _ => counts.get(domain).copied().unwrap_or(0),
            };
            score += count as f64 * weight + (constraint.max_skew - 1) as f64;
        }
        score.round() as i64
    }

    /// The fewer like pods, the better.
    fn normalize(&self, scores: &mut [i64]) {
        let ranked = || scores.iter().copied().filter(|score| *score != APART);
        let (min, max) = (ranked().min().unwrap_or(0), ranked().max().unwrap_or(0));
        for score in scores {
            *score = match *score {
                APART => 0,
                _ if max == 0 => MAX_SCORE,
                score => MAX_SCORE * (max + min - score) / max,
            };
        }
    }
}

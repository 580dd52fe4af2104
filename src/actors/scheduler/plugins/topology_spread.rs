//! Keeps like pods apart over zones, nodes or whatever else labels divide nodes into.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::counts::Counted;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::actors::scheduler::spread::Constraint;
use crate::actors::scheduler::tally::Question;

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
/// What marks a node that takes no part in the ranking.
const APART: i64 = -1;

pub struct PodTopologySpread;

/// The hard constraints, and how many like pods a domain may have.
struct Skew(Vec<Limit>);

struct Limit {
    counted: Counted,
    most: i64,
}

/// The soft constraints.
struct Evenness {
    constraints: Vec<Soft>,
    /// A pod's own constraints leave out nodes that lack a key; the default ones do not.
    stated: bool,
}

struct Soft {
    counted: Counted,
    max_skew: i64,
    weight: f64,
}

impl Limit {
    fn new(constraint: &Constraint, counted: Counted, pod: &PodInfo) -> Self {
        let (mut domains, mut least) = (0, i64::MAX);
        counted.tally.domains().for_each(|pods| (domains, least) = (domains + 1, least.min(pods)));
        let least = if domains == 0 || domains < constraint.min_domains { 0 } else { least };
        Self { counted, most: constraint.max_skew + least - i64::from(constraint.counts(&pod.labels)) }
    }
}

/// The constraints of a sort, and the keys that a node must have for them to count it.
fn of_sort(pod: &PodInfo, hard: bool) -> (Vec<&Constraint>, BTreeSet<String>) {
    let constraints: Vec<_> = pod.spread.iter().filter(|constraint| constraint.hard == hard).collect();
    let keys = constraints.iter().map(|constraint| constraint.topology_key.clone()).collect();
    (constraints, keys)
}

/// The soft constraints of a pod, or those that it has by default, and the keys that a node must have for them to count it.
fn soft<'a>(pod: &'a PodInfo, cluster: &Cluster) -> (Vec<Cow<'a, Constraint>>, BTreeSet<String>) {
    if pod.spread.is_empty() {
        return (by_default(pod, cluster), BTreeSet::new());
    }
    let (constraints, keys) = of_sort(pod, false);
    (constraints.into_iter().map(Cow::Borrowed).collect(), keys)
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn questions(&self, pod: &PodInfo, cluster: &Cluster) -> Vec<Question> {
        let (hard, hard_keys) = of_sort(pod, true);
        let (soft, soft_keys) = soft(pod, cluster);
        let hard = hard.into_iter().filter_map(|constraint| constraint.question(pod, &hard_keys));
        hard.chain(soft.iter().filter_map(|constraint| constraint.question(pod, &soft_keys))).collect()
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let (constraints, keys) = of_sort(pod, true);
        let limit = |constraint: &Constraint| Limit::new(constraint, constraint.counted(pod, cluster, &keys), pod);
        let limits: Vec<Limit> = constraints.into_iter().map(limit).collect();
        Ok((!limits.is_empty()).then(|| Box::new(Skew(limits)) as _))
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, feasible: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let (constraints, keys) = soft(pod, cluster);
        let counted: Vec<Counted> = constraints.iter().map(|constraint| constraint.counted(pod, cluster, &keys)).collect();
        let stated = !pod.spread.is_empty();
        let ranked = feasible.iter().filter(|node| !stated || counted.iter().all(|counted| counted.is_in_domain(node))).count();
        let constraints: Vec<Soft> = std::iter::zip(constraints, counted)
            .map(|(constraint, counted)| {
                let size = if constraint.topology_key == HOSTNAME { ranked } else { counted.distinct(feasible) };
                Soft { counted, max_skew: constraint.max_skew, weight: (size as f64 + 2.0).ln() }
            })
            .collect();
        (!constraints.is_empty()).then(|| Box::new(Evenness { constraints, stated }) as _)
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

impl Filter for Skew {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        for Limit { counted, most } in &self.0 {
            let Some(here) = counted.beside(node) else {
                return Err(Refusal::unresolvable("node(s) didn't match pod topology spread constraints (missing required label)"));
            };
            if here > *most {
                return Err(Refusal::resolvable("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }
}

impl Score for Evenness {
    fn score(&self, node: &NodeInfo) -> i64 {
        let mut score = 0.0;
        for Soft { counted, max_skew, weight } in &self.constraints {
            match counted.beside(node) {
                Some(count) => score += count as f64 * weight + (max_skew - 1) as f64,
                None if self.stated => return APART,
                None => {}
            }
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

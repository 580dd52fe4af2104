//! Pods that must, must not or would rather be near other pods.

use crate::actors::scheduler::affinity::PodTerm;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::counts::{Counted, Drawn};
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::actors::scheduler::tally::Question;

pub struct InterPodAffinity;

struct Required {
    /// Where pods that are there want none like this one.
    unwanted: Vec<Drawn>,
    /// Where pods are that this one must not be beside, for each of its terms.
    avoided: Vec<Counted>,
    /// Where pods are that match every term of this one, for each of its terms.
    sought: Vec<Counted>,
    /// No pod matches, but this one does: it may be the first.
    first: bool,
}

struct Preferred {
    drawn: Vec<Drawn>,
    /// For each of its own terms: the pods that it speaks of, and what each of them weighs.
    own: Vec<(Counted, i64)>,
}

/// A pod's preferred terms and what they weigh.
fn preferred(pod: &PodInfo) -> impl Iterator<Item = (&PodTerm, i64)> {
    let near = pod.near_preferred.iter().map(|preferred| (&preferred.term, preferred.weight));
    near.chain(pod.apart_preferred.iter().map(|preferred| (&preferred.term, -preferred.weight)))
}

fn about(term: &PodTerm) -> Question {
    Question::spoken(std::slice::from_ref(term), &term.topology_key)
}

fn sought(pod: &PodInfo) -> impl Iterator<Item = Question> {
    pod.near.iter().map(|term| Question::spoken(&pod.near, &term.topology_key))
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn questions(&self, pod: &PodInfo, _: &Cluster) -> Vec<Question> {
        sought(pod).chain(pod.apart.iter().chain(preferred(pod).map(|(term, _)| term)).map(about)).collect()
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let unwanted: Vec<Drawn> = cluster.pulls(pod).filter(Drawn::refuses_somewhere).collect();
        if pod.near.is_empty() && pod.apart.is_empty() && unwanted.is_empty() {
            return Ok(None);
        }
        let avoided = pod.apart.iter().map(|term| cluster.counted(about(term))).collect();
        let sought: Vec<Counted> = sought(pod).map(|question| cluster.counted(question)).collect();
        let is_alone = sought.iter().all(|counted| counted.tally.total() == 0);
        let first = is_alone && pod.near.iter().all(|term| term.speaks_of(pod, cluster.namespaces()));
        Ok(Some(Box::new(Required { unwanted, avoided, sought, first })))
    }

    fn score<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let drawn: Vec<Drawn> = cluster.pulls(pod).filter(Drawn::weighs_somewhere).collect();
        let own: Vec<_> = preferred(pod).map(|(term, weight)| (cluster.counted(about(term)), weight)).collect();
        (!drawn.is_empty() || !own.is_empty()).then(|| Box::new(Preferred { drawn, own }) as _)
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

impl Filter for Required {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        if !self.sought.iter().all(|counted| counted.beside(node).is_some_and(|pods| self.first || pods > 0)) {
            return Err(Refusal::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if self.avoided.iter().any(|counted| counted.beside(node).is_some_and(|pods| pods > 0)) {
            return Err(Refusal::resolvable("node(s) didn't match pod anti-affinity rules"));
        }
        if self.unwanted.iter().any(|drawn| drawn.refuses(node)) {
            return Err(Refusal::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }
}

impl Score for Preferred {
    fn score(&self, node: &NodeInfo) -> i64 {
        let own = self.own.iter().map(|(counted, weight)| counted.beside(node).unwrap_or(0) * weight);
        self.drawn.iter().map(|drawn| drawn.weight(node)).sum::<i64>() + own.sum::<i64>()
    }

    fn normalize(&self, scores: &mut [i64]) {
        let (min, max) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
        for score in scores {
            *score = if max == min { 0 } else { MAX_SCORE * (*score - min) / (max - min) };
        }
    }
}

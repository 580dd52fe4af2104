//! Node selectors, and required and preferred node affinity.

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, Plugin, Refusal, Score, scale};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

pub struct NodeAffinity;

struct Chosen<'a>(&'a PodInfo);

struct Preferred<'a>(&'a PodInfo);

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let choosy = !pod.node_selector.is_empty() || pod.node_required.is_some();
        Ok(choosy.then(|| Box::new(Chosen(pod)) as _))
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        (!pod.node_preferred.is_empty()).then(|| Box::new(Preferred(pod)) as _)
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node { after, .. } if after.is_chosen_by(pod))
    }
}

impl Filter for Chosen<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        match node.is_chosen_by(self.0) {
            true => Ok(()),
            false => Err(Refusal::unresolvable("node(s) didn't match Pod's node affinity/selector")),
        }
    }
}

impl Score for Preferred<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        self.0.node_preferred.iter().filter(|term| term.matches(node)).map(|term| term.weight).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, false);
    }
}

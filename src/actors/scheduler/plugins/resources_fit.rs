//! A node must have left what a pod asks for; the more it has left, the better.

use std::borrow::Cow;

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, MAX_SCORE, Plugin, Refusal, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::actors::scheduler::resources::Resources;

pub struct NodeResourcesFit;

struct Room<'a>(&'a Resources);

struct LeastAllocated {
    weight: (i64, i64),
}

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        Ok(Some(Box::new(Room(&pod.requests))))
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        Some(Box::new(LeastAllocated { weight: pod.weight }))
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::PodGone(_) => true,
            // Whatever else has changed of a node, a pod that it still has no room for is not helped.
            ClusterEvent::Node { after, .. } => Room(&pod.requests).check(after).is_ok(),
            _ => false,
        }
    }
}

impl Room<'_> {
    /// The resources that are short, and whether each would be so on an empty node, too.
    fn lacks(&self, node: &NodeInfo) -> Vec<(Cow<'static, str>, bool)> {
        let (asked, has, used) = (self.0, &node.allocatable, &node.requested);
        let mut lacks = Vec::new();
        if used.pods + 1 > has.pods {
            lacks.push((Cow::Borrowed("Too many pods"), has.pods < 1));
        }
        let common = [
            ("Insufficient cpu", asked.cpu, has.cpu, used.cpu),
            ("Insufficient memory", asked.memory, has.memory, used.memory),
            ("Insufficient ephemeral-storage", asked.ephemeral_storage, has.ephemeral_storage, used.ephemeral_storage),
        ];
        for (reason, asked, has, used) in common {
            if asked > 0 && asked > has - used {
                lacks.push((Cow::Borrowed(reason), asked > has));
            }
        }
        for (name, asked) in self.0.others.iter().filter(|(_, asked)| **asked > 0) {
            let [has, used] = [has, used].map(|resources| resources.others.get(name).copied().unwrap_or(0));
            if *asked > has - used {
                lacks.push((format!("Insufficient {name}").into(), *asked > has));
            }
        }
        lacks
    }
}

impl Filter for Room<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        let lacks = self.lacks(node);
        if lacks.is_empty() {
            return Ok(());
        }
        let resolvable = !lacks.iter().any(|(_, always)| *always);
        Err(Refusal { reasons: lacks.into_iter().map(|(reason, _)| reason).collect(), resolvable })
    }
}

impl Score for LeastAllocated {
    fn score(&self, node: &NodeInfo) -> i64 {
        let left = |has: i64, used: i64| if has == 0 || used > has { 0 } else { (has - used) * MAX_SCORE / has };
        let cpu = left(node.allocatable.cpu, node.weight.0 + self.weight.0);
        let memory = left(node.allocatable.memory, node.weight.1 + self.weight.1);
        (cpu + memory) / 2
    }
}

//! Prefers nodes whose processors and memory would be used in like measure.

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{MAX_SCORE, Plugin, Score};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

pub struct NodeResourcesBalancedAllocation;

struct Balance {
    cpu: i64,
    memory: i64,
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    /// A pod that asks for neither changes no balance (since Kubernetes 1.31).
    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cluster, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let (cpu, memory) = (pod.requests.cpu, pod.requests.memory);
        (cpu > 0 || memory > 0).then(|| Box::new(Balance { cpu, memory }) as _)
    }

    fn is_helped_by(&self, _: &PodInfo, _: &ClusterEvent) -> bool {
        false
    }
}

impl Score for Balance {
    /// Of two fractions the standard deviation is half their difference.
    fn score(&self, node: &NodeInfo) -> i64 {
        let fraction = |used: i64, has: i64| if has == 0 { 1.0 } else { (used as f64 / has as f64).min(1.0) };
        let cpu = fraction(node.requested.cpu + self.cpu, node.allocatable.cpu);
        let memory = fraction(node.requested.memory + self.memory, node.allocatable.memory);
        ((1.0 - (cpu - memory).abs() / 2.0) * MAX_SCORE as f64) as i64
    }
}

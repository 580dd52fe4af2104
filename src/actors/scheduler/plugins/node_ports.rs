//! Two pods cannot have the same port of a node.

use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, Plugin, Refusal};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::{HostPort, PodInfo};

pub struct NodePorts;

struct Free<'a>(&'a [HostPort]);

fn clash(wanted: &[HostPort], taken: &[HostPort]) -> bool {
    wanted.iter().any(|port| taken.iter().any(|other| port.clashes(other)))
}

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        Ok((!pod.ports.is_empty()).then(|| Box::new(Free(&pod.ports)) as _))
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::PodGone(gone) => clash(&pod.ports, &gone.ports),
            ClusterEvent::Node { before, .. } => before.is_none(),
            _ => false,
        }
    }
}

impl Filter for Free<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        match clash(self.0, &node.ports) {
            true => Err(Refusal::resolvable("node(s) didn't have free ports for the requested pod ports")),
            false => Ok(()),
        }
    }
}

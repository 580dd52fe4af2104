//! Keeps pods off nodes that are cordoned.

use k8s_openapi::api::core::v1::Taint;

use crate::actors::scheduler::affinity::tolerates;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, Plugin, Refusal};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::runtime::flaw::{Flaw, planted};

pub struct NodeUnschedulable;

struct Uncordoned;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let cordon = Taint { key: "node.kubernetes.io/unschedulable".into(), effect: "NoSchedule".into(), ..Taint::default() };
        let tolerated = pod.tolerations.iter().any(|toleration| tolerates(toleration, &cordon));
        Ok((!tolerated && !planted(Flaw::IgnoresTaints)).then(|| Box::new(Uncordoned) as _))
    }

    fn is_helped_by(&self, _: &PodInfo, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node { after, .. } if !after.unschedulable)
    }
}

impl Filter for Uncordoned {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        if node.unschedulable { Err(Refusal::unresolvable("node(s) were unschedulable")) } else { Ok(()) }
    }
}

//! Keeps pods off nodes whose taints they do not tolerate, and away from those that would rather not have them.

use k8s_openapi::api::core::v1::Toleration;

use crate::actors::scheduler::affinity::tolerates;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, Plugin, Refusal, Score, scale};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;
use crate::actors::scheduler::spread::refusing_taint;
use crate::runtime::flaw::{Flaw, planted};

pub struct TaintToleration;

struct Tolerated<'a>(&'a PodInfo);

struct Welcome<'a>(Vec<&'a Toleration>);

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn weight(&self) -> i64 {
        3
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        Ok(Some(Box::new(Tolerated(pod))))
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cluster, feasible: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        feasible.iter().any(|node| node.taints.iter().any(|taint| taint.effect == "PreferNoSchedule")).then(|| {
            let all_or_soft = |toleration: &&Toleration| matches!(toleration.effect.as_deref(), None | Some("" | "PreferNoSchedule"));
            Box::new(Welcome(pod.tolerations.iter().filter(all_or_soft).collect())) as _
        })
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Node { after, .. } if refusing_taint(after, pod).is_none())
    }
}

impl Filter for Tolerated<'_> {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        match refusing_taint(node, self.0).filter(|_| !planted(Flaw::IgnoresTaints)) {
            None => Ok(()),
            Some(_) => Err(Refusal::unresolvable("node(s) had untolerated taint(s)")),
        }
    }
}

impl Score for Welcome<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        let soft = node.taints.iter().filter(|taint| taint.effect == "PreferNoSchedule");
        soft.filter(|taint| !self.0.iter().any(|toleration| tolerates(toleration, taint))).count() as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, true);
    }
}

//! A pod waits for its claims, and goes where their volumes are.

use std::sync::Arc;

use crate::actors::informer::ObjectKey;
use crate::actors::scheduler::affinity::NodeTerms;
use crate::actors::scheduler::cluster::Cluster;
use crate::actors::scheduler::event::ClusterEvent;
use crate::actors::scheduler::framework::{Filter, Plugin, Refusal};
use crate::actors::scheduler::node::NodeInfo;
use crate::actors::scheduler::pod::PodInfo;

pub struct VolumeBinding;

/// The nodes that every volume can be used on.
struct Reachable(Vec<Arc<NodeTerms>>);

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let mut terms = Vec::new();
        for name in &pod.claims {
            let claim = cluster.claims.get(&ObjectKey::new(pod.key.namespace.clone(), name.as_str()));
            let claim = claim.ok_or_else(|| Refusal::unresolvable(format!("persistentvolumeclaim \"{name}\" not found")))?;
            if claim.terminating {
                return Err(Refusal::unresolvable(format!("persistentvolumeclaim \"{name}\" is being deleted")));
            }
            let volume = claim.volume.as_ref().and_then(|volume| cluster.volumes.get(volume));
            let volume = volume.ok_or_else(|| Refusal::unresolvable("pod has unbound immediate PersistentVolumeClaims"))?;
            terms.extend(volume.clone());
        }
        Ok((!terms.is_empty()).then(|| Box::new(Reachable(terms)) as _))
    }

    fn is_helped_by(&self, _: &PodInfo, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Storage | ClusterEvent::Node { .. })
    }
}

impl Filter for Reachable {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        match self.0.iter().all(|terms| terms.match_node(node)) {
            true => Ok(()),
            false => Err(Refusal::unresolvable("node(s) didn't match PersistentVolume's node affinity")),
        }
    }
}

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
#[derive(Default)]
struct Reachable {
    terms: Vec<Arc<NodeTerms>>,
    /// A volume is not there at all.
    missing: bool,
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cluster: &'a Cluster) -> Result<Option<Box<dyn Filter + 'a>>, Refusal> {
        let mut reachable = Reachable::default();
        for name in &pod.claims {
            let claim = cluster.claims.get(&ObjectKey::new(pod.key.namespace.clone(), name.as_str()));
            let claim = claim.ok_or_else(|| Refusal::unresolvable(format!("persistentvolumeclaim \"{name}\" not found")))?;
            if claim.lost {
                let volume = claim.volume.as_deref().unwrap_or_default();
                let why = format!("persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\"");
                return Err(Refusal::unresolvable(why));
            }
            if claim.terminating {
                return Err(Refusal::unresolvable(format!("persistentvolumeclaim \"{name}\" is being deleted")));
            }
            let volume = claim.volume.as_ref().ok_or_else(|| Refusal::unresolvable("pod has unbound immediate PersistentVolumeClaims"))?;
            match cluster.volumes.get(volume) {
                Some(terms) => reachable.terms.extend(terms.clone()),
                None => reachable.missing = true,
            }
        }
        Ok((reachable.missing || !reachable.terms.is_empty()).then(|| Box::new(reachable) as _))
    }

    fn is_helped_by(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::Claim(key) => key.namespace == pod.key.namespace && pod.claims.iter().any(|name| **name == *key.name),
            ClusterEvent::Volume | ClusterEvent::Node { .. } => true,
            _ => false,
        }
    }
}

impl Filter for Reachable {
    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        if self.missing {
            return Err(Refusal::unresolvable("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"));
        }
        match self.terms.iter().all(|terms| terms.match_node(node)) {
            true => Ok(()),
            false => Err(Refusal::unresolvable("node(s) didn't match PersistentVolume's node affinity")),
        }
    }
}

//! When a cluster has come to rest.

use std::collections::BTreeMap;

use super::scene::{PodView, Scene, View};
use crate::runtime::store::Key;

impl Scene {
    /// Whether all that the controllers are for is done: every node is ready, every pod is where it belongs, every replication controller has
    /// its pods, and nothing is being deleted.
    ///
    /// # Errors
    /// What is not done, and the object that it is about.
    pub fn settled(&self, may_pend: bool) -> Result<(), (Key, String)> {
        if let Some((key, _)) = self.nodes().find(|(_, node)| !node.ready) {
            return Err((key.clone(), "the node is not ready".into()));
        }
        let pending = |pod: &PodView| may_pend && pod.node.is_empty();
        let mut owned: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (key, view, pod) in self.pods() {
            unfinished(view, pod, pending(pod)).map_err(|what| (key.clone(), what))?;
            // Who could not be taken by its node is no replica, and is replaced.
            let owners = view.meta.owner_references.iter().filter(|_| !matches!(&*pod.phase, "Succeeded" | "Failed"));
            for owner in owners {
                let (all, ready) = owned.entry(&owner.uid).or_default();
                *all += 1;
                *ready += i64::from(pod.ready);
            }
        }
        for (key, view, controller) in self.controllers() {
            let (all, ready) = owned.get(&*view.meta.uid).copied().unwrap_or_default();
            let wanted = controller.replicas;
            if view.meta.deletion_timestamp.is_some() {
                return Err((key.clone(), "the replication controller is still being deleted".into()));
            }
            if (all, controller.observed, controller.ready) != (wanted, wanted, ready) || (ready != wanted && !may_pend) {
                let status = format!("its status says {} and {}", controller.observed, controller.ready);
                return Err((key.clone(), format!("{wanted} replicas are wanted, {all} are there, {ready} are ready, and {status}")));
            }
        }
        Ok(())
    }
}

fn unfinished(view: &View, pod: &PodView, may_pend: bool) -> Result<(), String> {
    if view.meta.deletion_timestamp.is_some() {
        return Err("the pod is still being deleted".into());
    }
    match &*pod.phase {
        "Succeeded" | "Failed" => Ok(()),
        "Running" if pod.ready => Ok(()),
        _ if may_pend => Ok(()),
        phase => Err(format!("the pod is {phase}, bound to {:?}, ready {}", pod.node, pod.ready)),
    }
}

//! What a replication controller's pods need, decided without a clock or a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ReplicationController, ReplicationControllerStatus};

use super::ranking;
use crate::actors::controllers::pod::PodView;

/// Pods that are created or deleted at one go; the rest follows.
const BURST: usize = 500;

/// One change to the world.
#[derive(Clone, Debug)]
pub enum Op {
    /// Make a pod that has no controller one's own.
    Adopt(Arc<PodView>),
    /// Let go of a pod that the selector no longer selects.
    Release(Arc<PodView>),
    Create(usize),
    Delete(Arc<PodView>),
}

/// Brings the pods to what the controller wants: `owned` are those that name it as their controller, `orphans` those of its namespace
/// that name none.
pub fn reconcile(rc: &ReplicationController, owned: &[Arc<PodView>], orphans: &[Arc<PodView>], now: Timestamp) -> Vec<Op> {
    if rc.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let (mut replicas, strangers) = active(owned).partition::<Vec<_>, _>(|pod| selects(rc, pod));
    let adopted: Vec<_> = active(orphans).filter(|pod| selects(rc, pod)).collect();
    let mut ops: Vec<Op> = strangers.into_iter().map(Op::Release).collect();
    ops.extend(adopted.iter().cloned().map(Op::Adopt));
    replicas.extend(adopted);
    let wanted = wanted(rc);
    if replicas.len() < wanted {
        ops.push(Op::Create((wanted - replicas.len()).min(BURST)));
    } else {
        let surplus = (replicas.len() - wanted).min(BURST);
        ops.extend(ranking::victims(&replicas, surplus, now).into_iter().map(Op::Delete));
    }
    ops
}

/// The status that these pods amount to, and when a pod that is ready becomes available, if one has yet to. Conditions stay as they are.
pub fn status(rc: &ReplicationController, owned: &[Arc<PodView>], now: Timestamp) -> (ReplicationControllerStatus, Option<Timestamp>) {
    let min_ready = rc.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or_default();
    let template = rc.spec.as_ref().and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.clone()).unwrap_or_default();
    let replicas: Vec<_> = active(owned).filter(|pod| selects(rc, pod)).collect();
    let available: Vec<Timestamp> = replicas.iter().filter_map(|pod| pod.available_at(min_ready)).collect();
    let count = |pods: usize| i32::try_from(pods).unwrap_or(i32::MAX);
    let some = |pods: usize| (pods > 0).then(|| count(pods));
    let status = ReplicationControllerStatus {
        replicas: count(replicas.len()),
        fully_labeled_replicas: some(replicas.iter().filter(|pod| is_subset(&template, pod.object.labels())).count()),
        ready_replicas: some(replicas.iter().filter(|pod| pod.is_ready()).count()),
        available_replicas: some(available.iter().filter(|due| **due <= now).count()),
        observed_generation: rc.metadata.generation,
        conditions: rc.status.as_ref().and_then(|status| status.conditions.clone()),
    };
    (status, available.into_iter().filter(|due| *due > now).min())
}

/// Whether the selector selects a pod of the same namespace.
pub fn selects(rc: &ReplicationController, pod: &PodView) -> bool {
    let selector = rc.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| !selector.is_empty() && is_subset(selector, pod.object.labels()))
}

fn wanted(rc: &ReplicationController) -> usize {
    let replicas = rc.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    usize::try_from(replicas).unwrap_or_default()
}

fn active(pods: &[Arc<PodView>]) -> impl Iterator<Item = Arc<PodView>> {
    pods.iter().filter(|pod| pod.is_active()).cloned()
}

fn is_subset(labels: &BTreeMap<String, String>, of: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(key, value)| of.get(key) == Some(value))
}

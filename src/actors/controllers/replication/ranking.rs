//! Which replicas to delete first (the ReplicaSet concept page, "Scaling a ReplicaSet").

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::actors::controllers::pod::{ContainerStatus, PodView};

/// KEP-2255.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `count` pods that would be missed least.
pub fn victims(pods: &[Arc<PodView>], count: usize, now: Timestamp) -> Vec<Arc<PodView>> {
    let mut on_node: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in pods {
        *on_node.entry(&pod.spec.node_name).or_default() += 1;
    }
    let mut ranked: Vec<_> = pods.iter().map(|pod| (Merit::new(pod, on_node[pod.spec.node_name.as_str()], now), pod)).collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    ranked.into_iter().take(count).map(|(_, pod)| pod.clone()).collect()
}

/// What speaks for keeping a pod, the weightiest first. The least is deleted first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Merit<'a> {
    assigned: bool,
    phase: u8,
    ready: bool,
    deletion_cost: i32,
    /// Spread over nodes, replicas survive the loss of one.
    neighbours: Reverse<usize>,
    ready_for: Magnitude,
    restarts: Reverse<(i32, i32)>,
    age: Magnitude,
    uid: &'a str,
}

/// A duration up to a factor of two, so that replicas of about the same age go in random order (KEP-2185): by their uids.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Magnitude {
    /// Not known, as for a pod that was never ready.
    Unknown,
    Doublings(u32),
}

impl Magnitude {
    fn of(since: Option<Timestamp>, now: Timestamp) -> Self {
        since.map_or(Self::Unknown, |since| {
            let nanos = u128::try_from(now.duration_since(since).as_nanos()).unwrap_or_default();
            Self::Doublings(nanos.checked_ilog2().unwrap_or_default())
        })
    }
}

impl<'a> Merit<'a> {
    fn new(pod: &'a PodView, on_its_node: usize, now: Timestamp) -> Self {
        let meta = pod.object.meta();
        let restarts = |statuses: &[ContainerStatus]| statuses.iter().map(|s| s.restart_count).max().unwrap_or_default();
        Self {
            assigned: !pod.spec.node_name.is_empty(),
            phase: match pod.status.phase.as_str() {
                "Unknown" => 1,
                "Running" => 2,
                _ => 0,
            },
            ready: pod.is_ready(),
            deletion_cost: meta.annotations.get(DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or_default(),
            neighbours: Reverse(on_its_node),
            ready_for: Magnitude::of(pod.ready_since().flatten(), now),
            restarts: Reverse((restarts(&pod.status.container_statuses), restarts(&pod.status.init_container_statuses))),
            age: Magnitude::of(meta.creation_timestamp, now),
            uid: &meta.uid,
        }
    }
}

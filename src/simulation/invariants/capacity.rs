use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment};
use crate::simulation::journal::Event;
use crate::simulation::scene::{Details, PodView, View};

/// What runs on a node fits on it: the requests of its running pods together are within what it can give.
#[derive(Default)]
pub struct Capacity {
    /// By node, what its running pods ask for.
    nodes: BTreeMap<String, Load>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    pods: i64,
    cpu_milli: i64,
    memory_bytes: i64,
}

impl Invariant for Capacity {
    fn name(&self) -> &'static str {
        "what-runs-fits"
    }

    fn source(&self) -> &'static str {
        "Resource management for pods and containers, \"How Pods with resource requests are scheduled\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Commit { key, .. } = &moment.entry.event else { return Ok(()) };
        if &*key.collection != "pods" {
            return Ok(());
        }
        if let Some(pod) = moment.change.before.as_deref().and_then(running) {
            self.add(pod, -1);
        }
        let Some(pod) = moment.change.after.as_deref().and_then(running) else { return Ok(()) };
        self.add(pod, 1);
        let (Some(load), Some(node)) = (self.nodes.get(&pod.node), moment.scene.node(&pod.node)) else { return Ok(()) };
        let limits =
            [("pods", load.pods, node.pods), ("cpu", load.cpu_milli, node.cpu_milli), ("memory", load.memory_bytes, node.memory_bytes)];
        match limits.into_iter().find(|(_, load, limit)| load > limit) {
            Some((what, load, limit)) => {
                Err(Broken::of(key, format!("with it, {load} of {what} (thousandths, bytes) run on {}, which can give {limit}", pod.node)))
            }
            None => Ok(()),
        }
    }
}

impl Capacity {
    fn add(&mut self, pod: &PodView, sign: i64) {
        let load = self.nodes.entry(pod.node.clone()).or_default();
        load.pods += sign;
        load.cpu_milli += sign * pod.cpu_milli;
        load.memory_bytes += sign * pod.memory_bytes;
    }
}

fn running(view: &View) -> Option<&PodView> {
    match &view.details {
        Details::Pod(pod) if pod.phase == "Running" => Some(pod),
        _ => None,
    }
}

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Broken, Invariant, Moment};
use crate::api::object::Object;
use crate::simulation::journal::{Delivery, Event, Outcome};
use crate::simulation::planes::{CONTROLLERS, SCHEDULER, plane};
use crate::simulation::scene::Details;

/// A binding may have been decided on so long before it is sent.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);

/// A scheduler that was shown that a node is cordoned binds no pod to it.
#[derive(Default)]
pub struct Cordons {
    /// By control plane: the nodes that its scheduler was shown cordoned, and since when.
    shown: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// By the path of a pod whose binding was sent: the nodes that it cannot be to.
    closed: BTreeMap<String, BTreeSet<String>>,
}

impl Invariant for Cordons {
    fn name(&self) -> &'static str {
        "cordoned-nodes-get-no-pods"
    }

    fn source(&self) -> &'static str {
        "Nodes, \"Manual Node administration\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let now = moment.entry.time;
        match &moment.entry.event {
            Event::Process { .. } => *self = Self::default(),
            Event::Delivered { request, delivery: Delivery::Changed(_, node), .. } if &*request.collection == "minions" => {
                // A scheduler shares the informers of the controllers.
                if let Some(plane) = plane(&request.user, CONTROLLERS) {
                    self.show(plane, node, now);
                }
            }
            Event::Answered { request, outcome: Outcome::List { items, .. }, .. } if &*request.collection == "minions" => {
                if let Some(plane) = plane(&request.user, CONTROLLERS) {
                    items.iter().for_each(|node| self.show(plane, node, now));
                }
            }
            Event::Asked { request, .. } if &*request.subresource == "binding" => {
                let Some(plane) = plane(&request.user, SCHEDULER) else { return Ok(()) };
                let shown = self.shown.get(plane).into_iter().flatten();
                let closed = shown.filter(|(_, since)| now.duration_since(**since) > UNDER_WAY);
                self.closed.insert(request.path.to_string(), closed.map(|(node, _)| node.clone()).collect());
            }
            Event::Commit { key, .. } if &*key.collection == "pods" => {
                let node = |view: Option<&Details>| match view {
                    Some(Details::Pod(pod)) if !pod.tolerates_cordons => pod.node.clone(),
                    _ => String::new(),
                };
                let before = node(moment.change.before.as_ref().map(|view| &view.details));
                let after = node(moment.change.after.as_ref().map(|view| &view.details));
                if before.is_empty() && !after.is_empty() && self.closed.remove(&*key.path).is_some_and(|closed| closed.contains(&after)) {
                    return Err(Broken::of(key, format!("it is bound to {after}, which the scheduler knows to be cordoned")));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Cordons {
    fn show(&mut self, plane: &str, node: &Object, now: Timestamp) {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Node {
            spec: Spec,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Spec {
            unschedulable: bool,
        }
        let shown = self.shown.entry(plane.to_owned()).or_default();
        if node.parse::<Node>().unwrap_or_default().spec.unschedulable {
            shown.entry(node.name().to_owned()).or_insert(now);
        } else {
            shown.remove(node.name());
        }
    }
}

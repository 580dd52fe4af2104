use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Broken, Invariant, Moment};
use crate::api::object::Object;
use crate::simulation::journal::{Delivery, Event, Outcome};
use crate::simulation::scene::Details;

const SCHEDULER: &str = "system:kube-scheduler";
/// Whose informers the scheduler shares.
const INFORMED: &str = "system:kube-controller-manager";
/// A binding may have been decided on so long before it is sent.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);

/// A scheduler that was shown that a node is cordoned binds no pod to it.
#[derive(Default)]
pub struct Cordons {
    /// The nodes that the scheduler was shown cordoned, and since when.
    shown: BTreeMap<String, Timestamp>,
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
            Event::Delivered { request, delivery: Delivery::Changed(_, node), .. } if is_of_nodes(&request.user, &request.collection) => {
                self.show(node, now);
            }
            Event::Answered { request, outcome: Outcome::List { items, .. }, .. } if is_of_nodes(&request.user, &request.collection) => {
                items.iter().for_each(|node| self.show(node, now));
            }
            Event::Asked { request, .. } if &*request.user == SCHEDULER && &*request.subresource == "binding" => {
                let closed = self.shown.iter().filter(|(_, since)| now.duration_since(**since) > UNDER_WAY);
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

fn is_of_nodes(user: &str, collection: &str) -> bool {
    user == INFORMED && collection == "minions"
}

impl Cordons {
    fn show(&mut self, node: &Object, now: Timestamp) {
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
        if node.parse::<Node>().unwrap_or_default().spec.unschedulable {
            self.shown.entry(node.name().to_owned()).or_insert(now);
        } else {
            self.shown.remove(node.name());
        }
    }
}

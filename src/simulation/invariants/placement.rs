use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment};
use crate::runtime::store::Key;
use crate::simulation::journal::{ContainerChange, Event};
use crate::simulation::scene::{Details, View};

/// A pod that is bound never moves, and only the node that it is bound to runs its containers.
#[derive(Default)]
pub struct Placement {
    /// By UID: the pod, and the node that it is bound to.
    bound: BTreeMap<String, (Key, String)>,
}

impl Invariant for Placement {
    fn name(&self) -> &'static str {
        "bound-pods-never-move"
    }

    fn source(&self) -> &'static str {
        "Pod lifecycle, \"Pod lifetime\": once bound, a pod stays on its node"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Commit { key, .. } => {
                self.take(key, moment);
                let (Some(before), Some(after)) = (&moment.change.before, &moment.change.after) else { return Ok(()) };
                match (node(before), node(after)) {
                    (Some(from), Some(to)) if !from.is_empty() && from != to && before.meta.uid == after.meta.uid => {
                        Err(Broken::of(key, format!("it was bound to {from:?} and is now bound to {to:?}")))
                    }
                    _ => Ok(()),
                }
            }
            Event::Container { node: machine, pod_uid, name, what: ContainerChange::Started, .. } => match self.bound.get(&**pod_uid) {
                Some((key, node)) if **node != **machine => {
                    Err(Broken::of(key, format!("{machine} starts its container {name}, and it is bound to {node:?}")))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Placement {
    fn take(&mut self, key: &Key, moment: &Moment<'_>) {
        match (&moment.change.before, &moment.change.after) {
            (_, Some(after)) => {
                if let Some(node) = node(after) {
                    self.bound.insert(after.meta.uid.clone(), (key.clone(), node.to_owned()));
                }
            }
            (Some(before), None) => drop(self.bound.remove(&before.meta.uid)),
            (None, None) => {}
        }
    }
}

fn node(view: &View) -> Option<&str> {
    match &view.details {
        Details::Pod(pod) => Some(&pod.node),
        _ => None,
    }
}

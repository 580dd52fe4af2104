use super::{Broken, Invariant, Moment};
use crate::simulation::journal::{ContainerChange, Event};
use crate::simulation::scene::{Details, View};

/// A pod that is bound never moves, and only the node that it is bound to runs its containers.
#[derive(Default)]
pub struct Placement;

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
                let (Some(before), Some(after)) = (&moment.change.before, &moment.change.after) else { return Ok(()) };
                match (node(before), node(after)) {
                    (Some(from), Some(to)) if !from.is_empty() && from != to && before.meta.uid == after.meta.uid => {
                        Err(Broken::of(key, format!("it was bound to {from:?} and is now bound to {to:?}")))
                    }
                    _ => Ok(()),
                }
            }
            Event::Container { node: machine, pod_uid, name, what: ContainerChange::Started, .. } => {
                let mut pods = moment.scene.pods().filter(|(_, view, _)| view.meta.uid == **pod_uid);
                match pods.next() {
                    Some((key, _, pod)) if *pod.node != **machine => {
                        Err(Broken::of(key, format!("{machine} starts its container {name}, and it is bound to {:?}", pod.node)))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn node(view: &View) -> Option<&str> {
    match &view.details {
        Details::Pod(pod) => Some(&pod.node),
        _ => None,
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Broken, Invariant, Moment};
use crate::runtime::store::Key;
use crate::simulation::journal::{ContainerChange, Event, Outcome};

/// The kubelet lets a pod's object go only when none of its containers runs any more.
#[derive(Default)]
pub struct Termination {
    /// By the pod's UID: the ids of its containers that run.
    running: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Invariant for Termination {
    fn name(&self) -> &'static str {
        "pods-end-before-they-go"
    }

    fn source(&self) -> &'static str {
        "Pod lifecycle, \"Termination of Pods\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Container { pod_uid, id, what: ContainerChange::Started, .. } => {
                self.running.entry(pod_uid.clone()).or_default().insert(id.clone());
            }
            Event::Container { pod_uid, id, what: ContainerChange::Ended(_), .. } => {
                if let Some(ids) = self.running.get_mut(pod_uid) {
                    ids.remove(id);
                    if ids.is_empty() {
                        self.running.remove(pod_uid);
                    }
                }
            }
            Event::Answered { request, outcome: Outcome::Object(object), .. }
                if request.verb == "delete" && &*request.collection == "pods" && request.user.starts_with("system:node:") =>
            {
                if let Some(ids) = self.running.get(object.uid()) {
                    let key = Key::new(request.collection.clone(), request.path.clone());
                    return Err(Broken::of(&key, format!("{} lets it go while {} of its containers run", request.user, ids.len())));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

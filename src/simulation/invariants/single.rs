use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Broken, Invariant, Moment};
use crate::simulation::journal::{ContainerChange, Event};

/// Of a container of a pod at most one runs at once, on whatever machine.
#[derive(Default)]
pub struct Single {
    /// The ids of those that run.
    running: BTreeMap<Identity, BTreeSet<Arc<str>>>,
}

/// The pod's UID and the container's name.
type Identity = (Arc<str>, Arc<str>);

impl Invariant for Single {
    fn name(&self) -> &'static str {
        "one-container-an-identity"
    }

    fn source(&self) -> &'static str {
        "Pod lifecycle, \"Pod lifetime\": a pod is never rescheduled, and its UID is one instance's"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Container { node, pod_uid, name, id, what } = &moment.entry.event else { return Ok(()) };
        let identity = (pod_uid.clone(), name.clone());
        let running = self.running.entry(identity.clone()).or_default();
        match what {
            ContainerChange::Started => {
                running.insert(id.clone());
            }
            ContainerChange::Ended(_) => {
                running.remove(id);
            }
        }
        match running.len() {
            0 => {
                self.running.remove(&identity);
                Ok(())
            }
            1 => Ok(()),
            many => {
                Err(Broken::by_itself(format!("{many} containers {name} of the pod with UID {pod_uid} run at once, the newest on {node}")))
            }
        }
    }
}

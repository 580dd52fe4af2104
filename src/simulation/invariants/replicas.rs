use std::collections::{BTreeMap, BTreeSet};

use super::{Broken, Invariant, Moment};
use crate::runtime::store::Key;
use crate::simulation::journal::{Event, Outcome};
use crate::simulation::scene::{Details, View};

const CONTROLLERS: &str = "system:kube-controller-manager";

/// A replication controller makes no more pods than were ever wanted of it, those apart of which it was never told whether it made them.
#[derive(Default)]
pub struct Replicas {
    /// By UID of the replication controller: the most that were wanted of it.
    most: BTreeMap<String, i64>,
    /// By UID of the owner: its pods that are there, not on their way out and not at their end.
    active: BTreeMap<String, i64>,
    /// The requests for new pods of whose fate nobody was told.
    uncertain: BTreeSet<u64>,
}

impl Invariant for Replicas {
    fn name(&self) -> &'static str {
        "no-more-replicas-than-wanted"
    }

    fn source(&self) -> &'static str {
        "ReplicationController, \"How a ReplicationController works\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            // What the one before was not told of, the next one sees.
            Event::Process { .. } => self.uncertain.clear(),
            Event::Commit { .. } => {
                moment.change.before.iter().for_each(|view| self.count(view, -1));
                moment.change.after.iter().for_each(|view| self.count(view, 1));
            }
            Event::Asked { id, request } if &*request.user == CONTROLLERS && request.verb == "create" && &*request.collection == "pods" => {
                self.uncertain.insert(*id);
            }
            Event::Answered { id, request, outcome } if self.uncertain.contains(id) => match outcome {
                Outcome::Object(pod) => {
                    self.uncertain.remove(id);
                    return pod.meta().owner_references.iter().try_for_each(|owner| self.judge(&owner.uid, &request.key_of(pod)));
                }
                Outcome::Refused(code) if *code < 500 => drop(self.uncertain.remove(id)),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

impl Replicas {
    fn count(&mut self, view: &View, sign: i64) {
        match &view.details {
            Details::Controller(controller) => {
                let most = self.most.entry(view.meta.uid.clone()).or_default();
                *most = controller.replicas.max(*most);
            }
            Details::Pod(pod) if view.meta.deletion_timestamp.is_none() && !matches!(&*pod.phase, "Succeeded" | "Failed") => {
                for owner in &view.meta.owner_references {
                    *self.active.entry(owner.uid.clone()).or_default() += sign;
                }
            }
            _ => {}
        }
    }

    fn judge(&self, owner: &str, newest: &Key) -> Result<(), Broken> {
        let (Some(most), active) = (self.most.get(owner), self.active.get(owner).copied().unwrap_or_default()) else { return Ok(()) };
        let uncertain = self.uncertain.len() as i64;
        if active <= most + uncertain {
            return Ok(());
        }
        Err(Broken::of(newest, format!("with it there are {active} replicas, and at most {most} were ever wanted")))
    }
}

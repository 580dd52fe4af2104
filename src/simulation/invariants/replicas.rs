use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Broken, Invariant, Moment};
use crate::api::object::Object;
use crate::runtime::clock::{self, Instant};
use crate::runtime::store::Key;
use crate::simulation::journal::{Event, Outcome, Request};
use crate::simulation::planes::{CONTROLLERS, plane};
use crate::simulation::scene::{Details, View};

/// What is made within so long may have been decided on before the newest list.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// A replication controller makes no more pods than were ever wanted of it, those apart of which it was never told whether it made them.
///
/// Where several control planes have made pods, leases do not fence them: two may act at once, each as if it were alone. Then each counts
/// the pods that it made itself and those that it was shown by a list before it made any of its own.
#[derive(Default)]
pub struct Replicas {
    /// By UID of the replication controller: the most that were wanted of it.
    most: BTreeMap<String, i64>,
    /// By UID of the pod.
    pods: BTreeMap<String, Replica>,
    /// By UID of the owner: its pods that are there, not on their way out and not at their end. All, and those that a control plane knows.
    active: BTreeMap<String, i64>,
    known: BTreeMap<(String, Arc<str>), i64>,
    /// The control planes that have made pods, and when they asked for the newest.
    makers: BTreeMap<Arc<str>, Instant>,
    /// The requests for new pods of whose fate nobody was told.
    uncertain: BTreeSet<u64>,
}

/// A pod that is there.
#[derive(Default)]
struct Replica {
    /// Those of which it is an active replica.
    owners: Vec<String>,
    known_to: BTreeSet<Arc<str>>,
}

impl Invariant for Replicas {
    fn name(&self) -> &'static str {
        "no-more-replicas-than-wanted"
    }

    fn source(&self) -> &'static str {
        "ReplicationController, \"How a ReplicationController works\"; Leases, \"Leader election\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            // What the one before was not told of, the next one sees.
            Event::Process { .. } => self.uncertain.clear(),
            Event::Commit { .. } => self.commit(moment.change.before.as_deref(), moment.change.after.as_deref()),
            Event::Asked { id, request } if is_of_pods(request) && request.verb == "create" => {
                self.makers.insert(request.user.clone(), clock::instant());
                self.uncertain.insert(*id);
            }
            Event::Answered { request, outcome: Outcome::List { items, .. }, .. } if is_of_pods(request) && self.rests(&request.user) => {
                items.iter().for_each(|pod| self.learn(&request.user, pod));
            }
            Event::Answered { id, request, outcome } if self.uncertain.contains(id) => match outcome {
                Outcome::Object(pod) => {
                    self.uncertain.remove(id);
                    self.learn(&request.user, pod);
                    let owners = &pod.meta().owner_references;
                    return owners.iter().try_for_each(|owner| self.judge(&owner.uid, request, &request.key_of(pod)));
                }
                Outcome::Refused(code) if *code < 500 => drop(self.uncertain.remove(id)),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

fn is_of_pods(request: &Request) -> bool {
    &*request.collection == "pods" && plane(&request.user, CONTROLLERS).is_some()
}

impl Replicas {
    fn commit(&mut self, before: Option<&View>, after: Option<&View>) {
        if let Some((Details::Controller(controller), view)) = after.map(|view| (&view.details, view)) {
            let most = self.most.entry(view.meta.uid.clone()).or_default();
            *most = controller.replicas.max(*most);
        }
        let pod = |view: &&View| matches!(view.details, Details::Pod(_));
        let mut replica = Replica::default();
        if let Some(before) = before.filter(pod) {
            replica = self.pods.remove(&before.meta.uid).unwrap_or_default();
            self.count(&replica, -1);
        }
        if let Some(after) = after.filter(pod) {
            replica.owners = owners(after);
            self.count(&replica, 1);
            self.pods.insert(after.meta.uid.clone(), replica);
        }
    }

    fn count(&mut self, replica: &Replica, sign: i64) {
        for owner in &replica.owners {
            *self.active.entry(owner.clone()).or_default() += sign;
            for user in &replica.known_to {
                *self.known.entry((owner.clone(), user.clone())).or_default() += sign;
            }
        }
    }

    fn learn(&mut self, user: &Arc<str>, pod: &Object) {
        let Some(replica) = self.pods.get_mut(pod.uid()) else { return };
        if replica.known_to.insert(user.clone()) {
            for owner in &replica.owners {
                *self.known.entry((owner.clone(), user.clone())).or_default() += 1;
            }
        }
    }

    /// Nothing that this control plane makes was decided on before now.
    fn rests(&self, user: &Arc<str>) -> bool {
        self.makers.get(user).is_none_or(|newest| newest.elapsed() > UNDER_WAY)
    }

    fn judge(&self, owner: &str, request: &Request, newest: &Key) -> Result<(), Broken> {
        let active = match self.makers.len() {
            1 => self.active.get(owner),
            _ => self.known.get(&(owner.to_owned(), request.user.clone())),
        };
        let (Some(most), active) = (self.most.get(owner), active.copied().unwrap_or_default()) else { return Ok(()) };
        let uncertain = self.uncertain.len() as i64;
        if active <= most + uncertain {
            return Ok(());
        }
        Err(Broken::of(newest, format!("with it there are {active} replicas, and at most {most} were ever wanted")))
    }
}

/// Those of which a pod is a replica now.
fn owners(view: &View) -> Vec<String> {
    match &view.details {
        Details::Pod(pod) if view.meta.deletion_timestamp.is_none() && !matches!(&*pod.phase, "Succeeded" | "Failed") => {
            view.meta.owner_references.iter().map(|owner| owner.uid.clone()).collect()
        }
        _ => Vec::new(),
    }
}

//! What the containers of one node did in a recording, for those that do it again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::plot::WARMING_UP;

use crate::runtime::containers::ContainerId;
use crate::runtime::containers::simulated::{Act, Fate, Script, Simulated};
use crate::runtime::recording::{ActRecord, ContainerRecord, Findings, ImageRecord, NodeRecord, SandboxRecord, StateRecord, Verb};

/// A container, or what else is done again: the owner of its sandbox, its name and its attempt.
pub(super) type Who = (String, String, u32);

/// A node, and all that was done on it.
pub struct Past {
    pub node: NodeRecord,
    /// How things stood at the beginning.
    pub sandboxes: Vec<SandboxRecord>,
    pub containers: Vec<ContainerRecord>,
    pub images: BTreeMap<String, ImageRecord>,
    /// By their ids: whose they were.
    owners: BTreeMap<String, (String, u32)>,
    names: BTreeMap<String, Who>,
    /// Of the containers that were called so, one after the other, by their ids: how each ended.
    fates: BTreeMap<Who, Vec<(String, Fate)>>,
    /// Of the containers that were called so: what was found of which of them, in which life of the process.
    findings: BTreeMap<Finding, Vec<(u64, bool)>>,
    acts: Mutex<BTreeMap<(Verb, Who), VecDeque<ActRecord>>>,
    now: Mutex<Now>,
}

/// A container by its number among those that are called so, the life of the process, and the kind of finding.
type Finding = (Who, usize, usize, String);

/// How far the replay is.
#[derive(Default)]
struct Now {
    /// Of the process.
    life: usize,
    started: BTreeMap<Who, usize>,
    found: BTreeMap<Finding, u64>,
}

impl Past {
    pub(super) fn new(node: NodeRecord) -> Self {
        let (sandboxes, containers, images, owners, names, fates, findings, acts, now) = Default::default();
        Self { node, sandboxes, containers, images, owners, names, fates, findings, acts, now }
    }

    /// The process is in this life from now on.
    pub(super) fn live(&self, life: usize) {
        self.now.lock().life = life;
    }

    /// Whose sandboxes and containers those are.
    pub(super) fn named(&self, sandboxes: &[String], containers: &[String]) -> (BTreeSet<(String, u32)>, BTreeSet<Who>) {
        let sandboxes = sandboxes.iter().filter_map(|id| self.owners.get(id).cloned()).collect();
        (sandboxes, containers.iter().filter_map(|id| self.names.get(id).cloned()).collect())
    }

    pub(super) fn act(&mut self, act: &ActRecord) {
        let who = (act.owner.clone(), act.name.clone(), act.attempt);
        self.acts.get_mut().entry((act.verb, who)).or_default().push_back(act.clone());
    }

    /// An image was there; it counts as having been so from the beginning.
    pub(super) fn have(&mut self, reference: &str, image: &ImageRecord) {
        self.images.entry(reference.to_owned()).or_insert_with(|| image.clone());
    }

    pub(super) fn finding(&mut self, who: Who, life: usize, what: &str, nth: u64, good: bool) {
        let number = self.fates.get(&who).map_or(0, Vec::len);
        self.findings.entry((who, number, life, what.to_owned())).or_default().push((nth, good));
    }

    /// Takes note of a container's state; what stood there before `begun` stands there from the beginning.
    pub(super) fn container(&mut self, container: &ContainerRecord, begun: Timestamp) {
        let who = (container.owner.clone(), container.name.clone(), container.attempt);
        self.names.insert(container.id.clone(), who.clone());
        let fate = match &container.state {
            StateRecord::Created | StateRecord::Exited { started_at: None, .. } => None,
            StateRecord::Running { .. } => Some(Fate::default()),
            StateRecord::Exited { finished_at, code, oom_killed, asked_at, .. } => {
                let took = |asked: &Timestamp| Duration::try_from(finished_at.duration_since(*asked)).unwrap_or_default();
                let exit_at = asked_at.is_none().then_some(*finished_at);
                Some(Fate { exit_at, stop_delay: asked_at.as_ref().map(took), code: *code, oom_killed: *oom_killed })
            }
        };
        if let Some(fate) = fate {
            let all = self.fates.entry(who).or_default();
            match all.iter_mut().find(|(id, _)| *id == container.id) {
                Some((_, known)) => *known = fate,
                None => all.push((container.id.clone(), fate)),
            }
        }
        if container.created_at < begun && !self.containers.iter().any(|known| known.id == container.id) {
            self.containers.push(container.clone());
        }
    }

    /// The same of a sandbox. Says whether it has ended now without having been asked to.
    pub(super) fn sandbox(&mut self, sandbox: &SandboxRecord, begun: Timestamp) -> bool {
        self.owners.insert(sandbox.id.clone(), (sandbox.uid.clone(), sandbox.attempt));
        let is_known = self.sandboxes.iter().any(|known| known.id == sandbox.id);
        if sandbox.created_at < begun && !is_known {
            self.sandboxes.push(sandbox.clone());
            return false;
        }
        !sandbox.ready && !sandbox.asked
    }
}

impl Script for Past {
    fn act(&self, verb: Verb, owner: &str, name: &str, attempt: u32) -> Option<Act> {
        let mut acts = self.acts.lock();
        let queue = acts.get_mut(&(verb, (owner.to_owned(), name.to_owned(), attempt)))?;
        // What failed to the end fails on.
        let act = match queue.front() {
            Some(act) if queue.len() == 1 && act.fault.is_some() => act.clone(),
            _ => queue.pop_front()?,
        };
        let outcome = match act.fault {
            Some(fault) => Err(fault.error(name)),
            None => Ok(act.image.as_ref().map(ImageRecord::image)),
        };
        Some(Act { took: Duration::from_micros(act.took_micros), outcome })
    }

    fn fate(&self, owner: &str, name: &str, attempt: u32) -> Fate {
        let who = (owner.to_owned(), name.to_owned(), attempt);
        let fates = self.fates.get(&who);
        let mut now = self.now.lock();
        let number = now.started.entry(who).or_default();
        *number += 1;
        fates.and_then(|fates| fates.get(*number - 1)).map(|(_, fate)| *fate).unwrap_or_default()
    }
}

/// What was found out about a node's containers is found again, in the same order.
pub struct FoundAgain {
    pub past: Arc<Past>,
    pub runtime: Simulated,
}

impl Findings for FoundAgain {
    fn known(&self, container: &ContainerId, what: &str) -> Option<bool> {
        let who = self.runtime.whose(container)?;
        let now = &mut *self.past.now.lock();
        let number = now.started.get(&who).copied().unwrap_or(0);
        if now.life == WARMING_UP {
            return self.past.findings.get(&(who, number, 1, what.to_owned()))?.first().map(|(_, good)| *good);
        }
        let key = (who, number, now.life, what.to_owned());
        let changes = self.past.findings.get(&key)?;
        let nth = now.found.entry(key).or_default();
        let first = changes.first()?.0;
        let last = changes.iter().rev().find(|(number, _)| number - first <= *nth)?;
        *nth += 1;
        Some(last.1)
    }

    fn found(&self, _: &ContainerId, _: &str, _: bool) {}
}

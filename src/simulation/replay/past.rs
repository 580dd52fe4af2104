//! What the containers of one node did in a recording, for those that do it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::runtime::containers::ContainerId;
use crate::runtime::containers::simulated::{Act, Fate, Script, Simulated};
use crate::runtime::recording::{ActRecord, ContainerRecord, Findings, ImageRecord, NodeRecord, SandboxRecord, StateRecord, Verb};

/// A container, or what else is done again: the owner of its sandbox, its name and its attempt.
type Who = (String, String, u32);

/// A node, and all that was done on it.
pub struct Past {
    pub node: NodeRecord,
    /// How things stood at the beginning.
    pub sandboxes: Vec<SandboxRecord>,
    pub containers: Vec<ContainerRecord>,
    pub images: BTreeMap<String, ImageRecord>,
    fates: BTreeMap<Who, Fate>,
    findings: BTreeMap<(Who, String), Vec<(u64, bool)>>,
    acts: Mutex<BTreeMap<(Verb, Who), VecDeque<ActRecord>>>,
    found: Mutex<BTreeMap<(Who, String), u64>>,
}

impl Past {
    pub(super) fn new(node: NodeRecord) -> Self {
        let (sandboxes, containers, images, fates, findings, acts, found) = Default::default();
        Self { node, sandboxes, containers, images, fates, findings, acts, found }
    }

    pub(super) fn act(&mut self, act: &ActRecord) {
        let who = (act.owner.clone(), act.name.clone(), act.attempt);
        self.acts.get_mut().entry((act.verb, who)).or_default().push_back(act.clone());
    }

    /// An image was there; it counts as having been so from the beginning.
    pub(super) fn have(&mut self, reference: &str, image: &ImageRecord) {
        self.images.entry(reference.to_owned()).or_insert_with(|| image.clone());
    }

    pub(super) fn finding(&mut self, who: Who, what: &str, nth: u64, good: bool) {
        self.findings.entry((who, what.to_owned())).or_default().push((nth, good));
    }

    /// Takes note of a container's state; what stood there before `begun` stands there from the beginning.
    pub(super) fn container(&mut self, container: &ContainerRecord, begun: Timestamp) {
        if let StateRecord::Exited { started_at, finished_at, code, oom_killed, asked_at, .. } = &container.state {
            let ran = |asked: &Timestamp| Duration::try_from(finished_at.duration_since(*asked)).unwrap_or_default();
            let exit_at = asked_at.is_none().then_some(*finished_at).filter(|_| started_at.is_some());
            let fate = Fate { exit_at, stop_delay: asked_at.as_ref().map(ran), code: *code, oom_killed: *oom_killed };
            self.fates.insert((container.owner.clone(), container.name.clone(), container.attempt), fate);
        }
        if container.created_at < begun && !self.containers.iter().any(|known| known.id == container.id) {
            self.containers.push(container.clone());
        }
    }

    /// The same of a sandbox. Says whether it has ended now without having been asked to.
    pub(super) fn sandbox(&mut self, sandbox: &SandboxRecord, begun: Timestamp) -> bool {
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
        self.fates.get(&(owner.to_owned(), name.to_owned(), attempt)).copied().unwrap_or_default()
    }
}

/// What was found out about a node's containers is found again, in the same order.
pub struct FoundAgain {
    pub past: Arc<Past>,
    pub runtime: Simulated,
}

impl Findings for FoundAgain {
    fn known(&self, container: &ContainerId, what: &str) -> Option<bool> {
        let key = (self.runtime.whose(container)?, what.to_owned());
        let changes = self.past.findings.get(&key)?;
        let mut found = self.past.found.lock();
        let nth = found.entry(key).or_default();
        let first = changes.first()?.0;
        let now = changes.iter().rev().find(|(number, _)| number - first <= *nth)?;
        *nth += 1;
        Some(now.1)
    }

    fn found(&self, _: &ContainerId, _: &str, _: bool) {}
}

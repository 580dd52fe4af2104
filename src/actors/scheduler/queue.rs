//! The pods that wait: ready to be tried, backing off, or unschedulable until something happens that could help.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::event::ClusterEvent;
use super::framework::Plugin;
use super::pod::PodInfo;
use crate::actors::informer::ObjectKey;
use crate::runtime::clock::Instant;

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// A pod that nothing seems to help is tried again after so long all the same.
const PATIENCE: Duration = Duration::from_secs(300);

/// Ordered by priority, then by arrival.
#[derive(Default)]
pub struct Queue {
    waiting: BTreeMap<ObjectKey, Waiting>,
    active: BTreeSet<(Reverse<i32>, u64, ObjectKey)>,
    /// Those that may be tried again at a time.
    timed: BTreeSet<(Instant, ObjectKey)>,
    /// The unschedulable ones: those that an event may help.
    refused: BTreeSet<ObjectKey>,
    arrivals: u64,
}

struct Waiting {
    pod: Arc<PodInfo>,
    arrival: u64,
    /// Failures so far.
    attempts: u32,
    state: State,
}

enum State {
    Active,
    /// Will be tried again at that time, come what may.
    Backoff(Instant),
    /// Refused by these plugins. Tried again at `retry`, or, at the earliest at `backoff`, once something helps.
    Unschedulable {
        plugins: BTreeSet<&'static str>,
        backoff: Instant,
        retry: Instant,
    },
    Gated,
    /// Placed; its binding has not been answered yet.
    Placed,
}

impl Queue {
    /// Pods that can be tried now.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// A pod is new or has changed. A change of what it asks for may be all it needed.
    pub fn put(&mut self, pod: Arc<PodInfo>) {
        let key = pod.key.clone();
        let Some(mut waiting) = self.take(&key).filter(|waiting| waiting.pod.uid == pod.uid) else {
            self.arrivals += 1;
            let state = if pod.gated { State::Gated } else { State::Active };
            let waiting = Waiting { pod, arrival: self.arrivals, attempts: 0, state };
            self.list(key, waiting);
            return;
        };
        let changed = waiting.pod.generation != pod.generation || waiting.pod.labels != pod.labels;
        waiting.state = match waiting.state {
            _ if pod.gated => State::Gated,
            State::Gated => State::Active,
            State::Unschedulable { .. } if changed => State::Active,
            state => state,
        };
        waiting.pod = pod;
        self.list(key, waiting);
    }

    /// A pod waits no more.
    pub fn remove(&mut self, key: &ObjectKey) {
        self.take(key);
    }

    /// The pod to try next. It stays known until it is removed.
    pub fn pop(&mut self) -> Option<Arc<PodInfo>> {
        let (_, _, key) = self.active.pop_first()?;
        let waiting = self.waiting.get_mut(&key).expect("what is active is known");
        waiting.state = State::Placed;
        Some(waiting.pod.clone())
    }

    /// No node could take it.
    pub fn refused(&mut self, key: &ObjectKey, plugins: BTreeSet<&'static str>, now: Instant) {
        self.set(key, |attempts| State::Unschedulable { plugins, backoff: now + backoff(attempts), retry: now + PATIENCE });
    }

    /// Its placement came to nothing, for no fault of its own.
    pub fn failed(&mut self, key: &ObjectKey, now: Instant) {
        self.set(key, |attempts| State::Backoff(now + backoff(attempts)));
    }

    fn set(&mut self, key: &ObjectKey, state: impl FnOnce(u32) -> State) {
        if let Some(mut waiting) = self.take(key) {
            waiting.attempts += 1;
            waiting.state = state(waiting.attempts);
            self.list(key.clone(), waiting);
        }
    }

    /// Something happened: those whom it may help are tried again, though not before their backoff is over.
    pub fn happened(&mut self, event: &ClusterEvent, plugins: &[Box<dyn Plugin>]) {
        let backoff_of_helped = |key: &ObjectKey| match self.waiting.get(key) {
            Some(Waiting { pod, state: State::Unschedulable { plugins: refused, backoff, .. }, .. }) => {
                let mut helpers = plugins.iter().filter(|plugin| refused.contains(plugin.name()));
                helpers.any(|plugin| plugin.is_helped_by(pod, event)).then_some(*backoff)
            }
            _ => None,
        };
        let moved: Vec<(ObjectKey, Instant)> = self.refused.iter().filter_map(|key| Some((key.clone(), backoff_of_helped(key)?))).collect();
        for (key, backoff) in moved {
            if let Some(waiting) = self.take(&key) {
                self.list(key, Waiting { state: State::Backoff(backoff), ..waiting });
            }
        }
    }

    /// Makes active whose time has come.
    pub fn advance(&mut self, now: Instant) {
        while let Some((due, key)) = self.timed.first().filter(|(due, _)| *due <= now).cloned() {
            match self.take(&key) {
                Some(waiting) => self.list(key, Waiting { state: State::Active, ..waiting }),
                None => _ = self.timed.remove(&(due, key)),
            }
        }
    }

    /// When [`Queue::advance`] has something to do next.
    pub fn due(&self) -> Option<Instant> {
        self.timed.first().map(|(due, _)| *due)
    }

    fn list(&mut self, key: ObjectKey, waiting: Waiting) {
        match &waiting.state {
            State::Active => _ = self.active.insert((Reverse(waiting.pod.priority), waiting.arrival, key.clone())),
            State::Backoff(due) => _ = self.timed.insert((*due, key.clone())),
            State::Unschedulable { retry, .. } => {
                self.timed.insert((*retry, key.clone()));
                self.refused.insert(key.clone());
            }
            State::Gated | State::Placed => {}
        }
        self.waiting.insert(key, waiting);
    }

    /// Takes a pod out of whatever it is listed in.
    fn take(&mut self, key: &ObjectKey) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        match &waiting.state {
            State::Active => _ = self.active.remove(&(Reverse(waiting.pod.priority), waiting.arrival, key.clone())),
            State::Backoff(due) => _ = self.timed.remove(&(*due, key.clone())),
            State::Unschedulable { retry, .. } => {
                self.timed.remove(&(*retry, key.clone()));
                self.refused.remove(key);
            }
            State::Gated | State::Placed => {}
        }
        Some(waiting)
    }
}

fn backoff(attempts: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_BACKOFF)
}

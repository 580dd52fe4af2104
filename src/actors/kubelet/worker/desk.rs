use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::actors::informer::index;
use crate::api::object::Object;
use crate::runtime::clock::{self, Instant};
use crate::runtime::store::Stored;
use crate::runtime::watch;

/// What reaches a pod worker: only the newest of everything, so nothing piles up while it works. It outlives the worker's restarts.
pub struct Desk {
    uid: String,
    pod: Mutex<Object>,
    /// The API does not have the pod any more.
    gone: AtomicBool,
    /// When the pod has to have ended, by the API's clock, and when that was first seen, by this node's.
    ending: Mutex<Option<(Timestamp, Instant)>>,
    changes: watch::Sender<u64>,
}

impl Desk {
    pub fn new(pod: Object) -> Self {
        let uid = pod.uid().to_owned();
        Self { uid, pod: Mutex::new(pod), gone: AtomicBool::new(false), ending: Mutex::new(None), changes: watch::Sender::new(0) }
    }

    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The newest pod, and whether the API has it no more.
    pub fn pod(&self) -> (Object, bool) {
        (self.pod.lock().clone(), self.gone.load(Ordering::Acquire))
    }

    /// Takes a version of the pod, and wakes the worker, unless it is not newer than the one that is known.
    pub fn put(&self, pod: Object) {
        if self.note(pod) {
            self.wake();
        }
    }

    /// Takes a version of the pod that the worker itself has written. Whether it was newer.
    pub fn note(&self, pod: Object) -> bool {
        let mut known = self.pod.lock();
        let is_newer = pod.uid() == self.uid && pod.revision() > known.revision();
        if is_newer {
            *known = pod;
        }
        is_newer
    }

    /// The pod is gone from the API.
    pub fn set_gone(&self) {
        if !self.gone.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// For how long it has been known that the pod has to end when it has to; no time if it need not.
    pub fn ending_for(&self) -> Duration {
        let Some(end) = self.pod.lock().meta().deletion_timestamp else { return Duration::ZERO };
        let mut ending = self.ending.lock();
        match *ending {
            Some((known, since)) if known == end => since.elapsed(),
            _ => {
                *ending = Some((end, clock::instant()));
                Duration::ZERO
            }
        }
    }

    /// The pod has ended for good.
    pub fn is_over(&self) -> bool {
        let (pod, gone) = self.pod();
        gone || matches!(index::phase(&pod), "Succeeded" | "Failed")
    }

    /// Something happened: look again.
    pub fn wake(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// How often something has happened.
    pub fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Resolves once more has happened than that.
    pub async fn changed_since(&self, seen: u64) {
        let mut changes = self.changes.subscribe();
        changes.wait_for(|changes| *changes > seen).await.expect("the sender lives as long as this desk");
    }

    /// Resolves once the pod has to end, and sooner than that version of it says.
    pub async fn ends_sooner_than(&self, pod: &Object, gone: bool) {
        let known = end(pod, gone);
        let mut changes = self.changes.subscribe();
        let sooner = |_: &u64| {
            let (pod, gone) = self.pod();
            end(&pod, gone) < known
        };
        changes.wait_for(sooner).await.expect("the sender lives as long as this desk");
    }
}

/// When a pod has to have ended.
fn end(pod: &Object, gone: bool) -> Timestamp {
    if gone { Timestamp::MIN } else { pod.meta().deletion_timestamp.unwrap_or(Timestamp::MAX) }
}

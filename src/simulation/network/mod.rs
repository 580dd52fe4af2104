//! The wires between the parts of a cluster and its API: they can be slow, lose a request or its answer, bring a request
//! twice, and be cut. All that passes over
//! them is written into the run's journal.

mod disturbance;
mod letter;
mod trap;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use disturbance::{Disturbance, Effect};
pub use trap::{Side, Trap};
use wire::Wire;

use super::alarm::Alarm;
use super::journal::{Journal, Request};
use crate::api::client::ClientRef;
use crate::api::verbs::Api;
use crate::runtime::clock::WallClock;
use crate::runtime::entropy::Entropy;
use crate::runtime::watch;

/// All wires of a cluster. Clones are the same wires.
#[derive(Clone)]
pub struct Network(Arc<Wires>);

struct Wires {
    /// What answers now, and how many have before it.
    server: Mutex<(u64, Option<Api>)>,
    disturbances: Mutex<BTreeMap<u64, Disturbance>>,
    /// Counts the changes of the disturbances.
    changed: watch::Sender<u64>,
    trap: Mutex<Option<Trap>>,
    alarm: Alarm,
    requests: AtomicU64,
    journal: Journal,
    entropy: Entropy,
    /// The API's: it lives by its own, whoever asks it.
    clock: WallClock,
}

impl Network {
    /// Where the trap springs, the alarm rings.
    pub fn new(entropy: Entropy, journal: Journal, alarm: Alarm) -> Self {
        Self(Arc::new(Wires {
            server: Mutex::new((0, None)),
            disturbances: Mutex::new(BTreeMap::new()),
            changed: watch::Sender::new(0),
            trap: Mutex::new(None),
            alarm,
            requests: AtomicU64::new(0),
            journal,
            entropy,
            clock: WallClock::default(),
        }))
    }

    /// From now on this answers, or nobody does.
    pub fn serve(&self, api: Option<Api>) {
        let mut server = self.0.server.lock();
        *server = (server.0 + 1, api);
    }

    /// Lets something befall requests, until it is calmed by its number.
    pub fn disturb(&self, disturbance: Disturbance) -> u64 {
        let number = *self.0.changed.borrow() + 1;
        self.0.disturbances.lock().insert(number, disturbance);
        self.0.changed.send_replace(number);
        number
    }

    /// Ends one disturbance.
    pub fn calm(&self, number: u64) {
        self.0.disturbances.lock().remove(&number);
        self.bump();
    }

    /// Ends all of them, and forgets a trap.
    pub fn calm_all(&self) {
        self.0.disturbances.lock().clear();
        *self.0.trap.lock() = None;
        self.bump();
    }

    fn bump(&self) {
        let next = *self.0.changed.borrow() + 1;
        self.0.changed.send_replace(next);
    }

    /// Sets a trap in place of the one before: it springs once.
    pub fn set(&self, trap: Trap) {
        *self.0.trap.lock() = Some(trap);
    }

    /// Whether the trap springs at this moment of a request.
    fn springs(&self, request: &Request, side: Side) -> bool {
        let mut trap = self.0.trap.lock();
        if !trap.as_mut().is_some_and(|trap| trap.springs(request, side)) {
            return false;
        }
        *trap = None;
        self.0.alarm.ring("was killed at a request");
        true
    }

    pub(super) fn number(&self) -> u64 {
        self.0.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// A client whose requests pass over these wires.
    pub fn client(&self, user: &str) -> ClientRef {
        Arc::new(Wire::new(self.clone(), user))
    }
}

//! Holds every event of a run against every invariant, and stops at the first that is broken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::invariants::{Broken, Invariant, Moment, Rest};
use super::journal::{Entry, Witness};
use super::scene::Scene;
use super::statistics::{Statistics, Tally};
use crate::runtime::watch;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    pub invariant: String,
    /// The document that promises what was broken.
    pub source: String,
    pub what: String,
    /// The object that it is about, as it stands in the store: `pods/default/web-1`.
    pub object: Option<String>,
    pub time: Timestamp,
    /// The number of the event in the run, from 0.
    pub event: u64,
}

/// Judges a run. Clones are the same judge.
#[derive(Clone)]
pub struct Watchdog(Arc<Shared>);

struct Shared {
    court: Mutex<Court>,
    violated: watch::Sender<bool>,
    /// For a display: the simulated time that has passed, in milliseconds.
    clock: Arc<AtomicU64>,
}

struct Court {
    scene: Scene,
    tally: Tally,
    /// With how often each was held against something.
    invariants: Vec<(Box<dyn Invariant>, u64)>,
    seen: u64,
    begun: Option<Timestamp>,
    violation: Option<Violation>,
}

impl Watchdog {
    /// `clock` is set to the milliseconds of simulated time that have passed, for whoever shows them.
    pub fn new(invariants: Vec<Box<dyn Invariant>>, clock: Arc<AtomicU64>) -> Self {
        let court = Court {
            scene: Scene::default(),
            tally: Tally::default(),
            invariants: invariants.into_iter().map(|invariant| (invariant, 0)).collect(),
            seen: 0,
            begun: None,
            violation: None,
        };
        Self(Arc::new(Shared { court: Mutex::new(court), violated: watch::Sender::new(false), clock }))
    }

    /// Resolves once an invariant is broken.
    pub async fn violated(&self) {
        if self.0.violated.subscribe().wait_for(|violated| *violated).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub fn violation(&self) -> Option<Violation> {
        self.0.court.lock().violation.clone()
    }

    /// Looks at the objects as they stand.
    pub fn scene<T>(&self, look: impl FnOnce(&Scene) -> T) -> T {
        look(&self.0.court.lock().scene)
    }

    pub fn did(&self, deed: String) {
        *self.0.court.lock().tally.deeds.entry(deed).or_default() += 1;
    }

    pub fn checks(&self) -> BTreeMap<String, u64> {
        self.0.court.lock().invariants.iter().map(|(invariant, checks)| (invariant.name().to_owned(), *checks)).collect()
    }

    pub fn statistics(&self) -> Statistics {
        let court = self.0.court.lock();
        court.tally.total(court.seen, &court.scene)
    }

    /// Judges the cluster at rest.
    pub fn judge(&self, now: Timestamp, rest: impl FnOnce(&Scene, &mut dyn FnMut(&Rest<'_>))) {
        let Court { scene, invariants, seen, violation, .. } = &mut *self.0.court.lock();
        let mut hold = |rest: &Rest<'_>| {
            for (invariant, checks) in invariants.iter_mut() {
                *checks += 1;
                if let Err(broken) = invariant.rest(rest) {
                    violation.get_or_insert_with(|| Violation::new(&**invariant, broken, now, *seen));
                }
            }
        };
        rest(scene, &mut hold);
        if violation.is_some() {
            self.0.violated.send_replace(true);
        }
    }

    /// Says that the cluster as a whole broke a promise.
    pub fn accuse(&self, accused: &dyn Invariant, broken: Broken, now: Timestamp) {
        let mut court = self.0.court.lock();
        let seen = court.seen;
        court.violation.get_or_insert_with(|| Violation::new(accused, broken, now, seen));
        self.0.violated.send_replace(true);
    }
}

impl Violation {
    fn new(invariant: &dyn Invariant, broken: Broken, time: Timestamp, event: u64) -> Self {
        Self {
            invariant: invariant.name().to_owned(),
            source: invariant.source().to_owned(),
            what: broken.what,
            object: broken.key.map(|key| key.to_string()),
            time,
            event,
        }
    }
}

impl Witness for Watchdog {
    fn see(&mut self, entry: &Entry) {
        let Court { scene, tally, invariants, seen, begun, violation } = &mut *self.0.court.lock();
        let begun = *begun.get_or_insert(entry.time);
        let passed = entry.time.duration_since(begun).as_millis();
        self.0.clock.store(u64::try_from(passed).unwrap_or(0), Ordering::Relaxed);
        let change = scene.take(entry);
        let moment = Moment { entry, change: &change, scene };
        tally.see(&moment);
        if violation.is_none() {
            for (invariant, checks) in invariants {
                *checks += 1;
                if let Err(broken) = invariant.see(&moment) {
                    *violation = Some(Violation::new(&**invariant, broken, entry.time, *seen));
                    self.0.violated.send_replace(true);
                    break;
                }
            }
        }
        *seen += 1;
    }
}

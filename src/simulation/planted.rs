//! The finder finds: each planted bug breaks an invariant within an hour of chaos.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Scenario, Script, Violation, Watching, rehearse, shrink};
use crate::runtime::flaw::{Flaw, plant};

/// A seed of `chaos` with which each is found; among those that do, one that does it soon.
const SEEDS: [(Flaw, u64); 0] = [];

fn chaos(seed: u64) -> Script {
    Scenario::read(include_str!("../../examples/scenarios/chaos.yaml")).unwrap().script(seed)
}

fn found(flaw: Flaw, seed: u64) -> Option<Violation> {
    let _guard = plant(flaw);
    rehearse(&chaos(seed), &Watching::default()).unwrap().0.violation
}

/// Which of them do not pass, tried on as many threads as the machine has.
fn failures<T: Copy + Sync + Send>(all: &[T], passes: impl Fn(T) -> bool + Sync) -> Vec<T> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !passes(*one) {
                failed.lock().push(*one);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    failed.into_inner()
}

#[test]
fn every_planted_bug_is_found() {
    let seeds: Vec<Flaw> = SEEDS.iter().map(|(flaw, _)| *flaw).collect();
    assert_eq!(seeds, Flaw::all(), "each has its seed");
    assert_eq!(failures(&SEEDS, |(flaw, seed)| found(flaw, seed).is_some()), []);
}

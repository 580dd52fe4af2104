//! The finder finds: each planted bug breaks an invariant within ten minutes of chaos, from a seed that is not rare.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::deeds::Span;
use super::{Scenario, Script, Watching, rehearse, shrink};
use crate::runtime::flaw::{Flaw, plant};

/// A seed with which each is found.
const SEEDS: [(Flaw, u64); 34] = [
    (Flaw::AcknowledgesBeforeDurable, 11),
    (Flaw::NoCompareAndSet, 58),
    (Flaw::CreateOverwrites, 3),
    (Flaw::SkipsFsync, 20),
    (Flaw::GoesOnInDoubt, 2),
    (Flaw::LosesTheNewestOnRestart, 3),
    (Flaw::RevisionsGoBack, 3),
    (Flaw::SkipsEvents, 15),
    (Flaw::SkipsTheCompacted, 58),
    (Flaw::RemembersAll, 1),
    (Flaw::ListReadsBeforeItsRevision, 1),
    (Flaw::BookmarkAhead, 6),
    (Flaw::StatusFromStaleObject, 9),
    (Flaw::LeaksAddresses, 13),
    (Flaw::DropsFinalizers, 7),
    (Flaw::BindsTwice, 262),
    (Flaw::KeepsTheGone, 58),
    (Flaw::ResumesTooLate, 17),
    (Flaw::ActsBeforeItKnows, 17),
    (Flaw::ForgetsErrors, 402),
    (Flaw::ReconcilesTwiceAtOnce, 1),
    (Flaw::ForgetsExpectations, 107),
    (Flaw::LeavesDependents, 13),
    (Flaw::KeepsTaints, 1),
    (Flaw::EndpointsIgnoreReadiness, 42),
    (Flaw::ForgetsFailedBindings, 63),
    (Flaw::IgnoresTaints, 11),
    (Flaw::HeartStops, 9),
    (Flaw::ForgetsContainers, 3),
    (Flaw::BelievesASilentEngine, 137),
    (Flaw::LetsPodsGoEarly, 9),
    (Flaw::IgnoresLiveness, 2),
    (Flaw::MovesTransitionTimes, 1),
    (Flaw::GivesUpChildren, 1),
];

/// What fails soon enough to be made smaller here.
const SHRUNK: [Flaw; 5] =
    [Flaw::CreateOverwrites, Flaw::ForgetsContainers, Flaw::BelievesASilentEngine, Flaw::ForgetsExpectations, Flaw::GivesUpChildren];

/// Ten minutes of chaos on a small cluster: what takes an hour to be found is found here, too, only by other seeds.
fn chaos(seed: u64) -> Script {
    let mut scenario = Scenario::read(include_str!("../../examples/scenarios/chaos.yaml")).unwrap();
    (scenario.nodes.count, scenario.pods) = (5, 12);
    scenario.chaos.as_mut().unwrap().during = Span::seconds(600);
    scenario.script(seed)
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
    let known: Vec<Flaw> = SEEDS.iter().map(|(flaw, _)| *flaw).collect();
    assert_eq!(known, Flaw::all(), "each has its seed");
    let found = |(flaw, seed): (Flaw, u64)| {
        let _guard = plant(flaw);
        rehearse(&chaos(seed), &Watching::default()).unwrap().0.violation.is_some()
    };
    assert_eq!(failures(&SEEDS, found), []);
}

#[test]
fn what_a_planted_bug_breaks_is_made_small() {
    let is_small = |flaw: Flaw| {
        let _guard = plant(flaw);
        let (_, seed) = *SEEDS.iter().find(|(other, _)| *other == flaw).unwrap();
        let (smallest, ..) = shrink(&chaos(seed), &mut |_, _| {}).unwrap().unwrap();
        smallest.steps.len() <= 10
    };
    assert_eq!(failures(&SHRUNK, is_small), []);
}

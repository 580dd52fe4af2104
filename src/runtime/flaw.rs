//! Bugs that are planted to see whether rehearsals find them. Each is one line in the code that it spoils: `if planted(Flaw::…)`.
//!
//! Architecture invariant: without the feature `flaws`, and outside of tests, nothing is ever planted, and the compiler knows.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// A bug that somebody might make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Flaw {
    /// The store answers before its batch is durable.
    AcknowledgesBeforeDurable,
    /// A write that expects a version takes any.
    NoCompareAndSet,
    /// What is created takes the place of what has its name.
    CreateOverwrites,
    /// The engine does not wait until what it writes is on the disk.
    SkipsFsync,
    /// A store that cannot tell whether a batch is durable goes on without it.
    GoesOnInDoubt,
    /// Recovery stops one revision short of the newest.
    LosesTheNewestOnRestart,
    /// After a start revisions go on from that of the last key, as if it were the newest.
    RevisionsGoBack,
    /// A watch that lags is given the newest events only.
    SkipsEvents,
    /// A watch that lost its place is not told.
    SkipsTheCompacted,
    /// The store never forgets what it has to remember for a while only.
    RemembersAll,

    /// A list names a newer revision than that of what it shows.
    ListReadsBeforeItsRevision,
    /// A bookmark goes ahead of the events that it counts as sent.
    BookmarkAhead,
    /// A status is taken though it was made from an older version.
    StatusFromStaleObject,
    /// A service that goes keeps its cluster IP and node ports.
    LeaksAddresses,
    /// What is being deleted goes with the next update, whatever it waits for.
    DropsFinalizers,
    /// Who was not told that a pod is bound binds it again, and the API lets that pass.
    BindsTwice,

    /// An informer that lists anew keeps what is gone.
    KeepsTheGone,
    /// An informer resumes its watch one revision too late.
    ResumesTooLate,
    /// Controllers begin before their informers have listed.
    ActsBeforeItKnows,

    /// A reconciliation that failed is not tried again.
    ForgetsErrors,
    /// A key that is woken while it is being reconciled is reconciled twice at once.
    ReconcilesTwiceAtOnce,
    /// Replicas are counted before the informer shows those that were just made.
    ForgetsExpectations,
    /// The dependents of what is gone are not looked at.
    LeavesDependents,
    /// A node that is well again keeps its taints.
    KeepsTaints,
    /// A pod that becomes ready, or is so no more, does not change the endpoints of its services.
    EndpointsIgnoreReadiness,

    /// A pod whose binding failed counts as placed for ever.
    ForgetsFailedBindings,
    /// Pods are placed on nodes that are cordoned, or whose taints they do not tolerate.
    IgnoresTaints,

    /// A kubelet that fails to renew its lease once leaves it at that.
    HeartStops,
    /// A pod worker that starts again does not see the containers of its forerunner.
    ForgetsContainers,
    /// When the container engine does not answer, nothing runs.
    BelievesASilentEngine,
    /// A pod's object is let go while its containers are still being stopped.
    LetsPodsGoEarly,
    /// A container whose liveness probe fails runs on.
    IgnoresLiveness,
    /// A condition's time of transition moves whenever somebody looks.
    MovesTransitionTimes,

    /// A child that panics is not started again.
    GivesUpChildren,
}

impl Flaw {
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// In kebab case.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for Flaw {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(name, false)
    }
}

#[cfg(any(test, feature = "flaws"))]
mod soil {
    use std::cell::Cell;

    use super::Flaw;

    thread_local! {
        static PLANTED: Cell<Option<Flaw>> = const { Cell::new(None) };
    }

    /// Whether this thread has this bug.
    pub fn planted(flaw: Flaw) -> bool {
        PLANTED.get() == Some(flaw)
    }

    /// Gives this thread a bug in place of the one that it has, until the guard is dropped.
    pub fn plant(flaw: Flaw) -> Guard {
        Guard(PLANTED.replace(Some(flaw)))
    }

    /// While it lives, its thread has a bug.
    #[must_use]
    pub struct Guard(Option<Flaw>);

    impl Drop for Guard {
        fn drop(&mut self) {
            PLANTED.set(self.0);
        }
    }
}

#[cfg(any(test, feature = "flaws"))]
pub use soil::{Guard, plant, planted};

/// Nothing is planted.
#[cfg(not(any(test, feature = "flaws")))]
pub const fn planted(_: Flaw) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_is_found_by_its_name_and_planted_on_one_thread_only() {
        for flaw in Flaw::all() {
            assert_eq!(flaw.name().parse(), Ok(*flaw));
        }
        assert!("no-such-flaw".parse::<Flaw>().is_err());
        let guard = plant(Flaw::HeartStops);
        assert!(planted(Flaw::HeartStops) && !planted(Flaw::KeepsTaints));
        assert!(!std::thread::spawn(|| planted(Flaw::HeartStops)).join().unwrap());
        drop(guard);
        assert!(!planted(Flaw::HeartStops));
    }
}

//! How children and supervisors are to be treated.

use std::sync::Arc;
use std::time::Duration;

use actix::ArbiterHandle;

use super::node::Witness;
use super::tree::LastPanic;
use crate::runtime::entropy::Entropy;

/// Which children are restarted when one of them ends (OTP's terms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Only the one that ended.
    OneForOne,
    /// All of them.
    OneForAll,
    /// The one that ended and those started after it.
    RestForOne,
}

/// When a child is restarted. One that is not is forgotten: its mailbox closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only after a panic.
    Transient,
    /// Never.
    Temporary,
}

/// The thread on which a child runs.
pub(super) enum Home {
    /// Its supervisor's.
    Supervisors,
    /// That arbiter's.
    Shared(ArbiterHandle),
    /// An arbiter made for it at its first start, which ends with it.
    Own(Option<ArbiterHandle>),
}

/// How a child is made, restarted and stopped. `factory` builds it anew at every start.
pub struct ChildSpec<A> {
    pub name: String,
    pub factory: Box<dyn FnMut() -> A + Send>,
    pub restart: Restart,
    pub(super) shutdown: Duration,
    pub(super) capacity: usize,
    pub(super) home: Home,
}

impl<A> ChildSpec<A> {
    /// A permanent child with 5 s to stop and room for 256 messages, on its supervisor's thread.
    pub fn new(name: impl Into<String>, factory: impl FnMut() -> A + Send + 'static) -> Self {
        Self {
            name: name.into(),
            factory: Box::new(factory),
            restart: Restart::Permanent,
            shutdown: Duration::from_secs(5),
            capacity: 256,
            home: Home::Supervisors,
        }
    }

    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How long the child may take to stop, from the moment it is asked (`Actor::stopping` may answer `Continue`, wind down, and
    /// call `ctx.stop()`). After that it is dropped.
    pub fn shutdown(mut self, deadline: Duration) -> Self {
        self.shutdown = deadline;
        self
    }

    /// How many messages may wait before senders are held back (`do_send` never is). Up to as many again may already have been taken
    /// over by the actor.
    pub fn mailbox(mut self, capacity: usize) -> Self {
        assert!(capacity > 0, "a mailbox is bounded");
        self.capacity = capacity;
        self
    }

    /// Runs the child on that arbiter, unless the whole tree is single threaded.
    pub fn arbiter(mut self, arbiter: ArbiterHandle) -> Self {
        self.home = Home::Shared(arbiter);
        self
    }

    /// Runs the child on an arbiter of its own, unless the whole tree is single threaded.
    pub fn own_arbiter(mut self) -> Self {
        self.home = Home::Own(None);
        self
    }
}

/// How a supervisor treats its children. A [`Strategy`] is one with the defaults: at most 20 restarts in 60 s, the first after about
/// 20 ms, each next one after twice as long, at most 5 s.
pub struct SupervisorSpec {
    pub(super) strategy: Strategy,
    pub(super) restarts: usize,
    pub(super) within: Duration,
    pub(super) backoff: (Duration, Duration),
    pub(super) home: Home,
    pub(super) entropy: Option<Entropy>,
    pub(super) single_threaded: bool,
    pub(super) witness: Option<Witness>,
    pub(super) restart: Restart,
}

impl From<Strategy> for SupervisorSpec {
    fn from(strategy: Strategy) -> Self {
        Self {
            strategy,
            restarts: 20,
            within: Duration::from_secs(60),
            backoff: (Duration::from_millis(20), Duration::from_secs(5)),
            home: Home::Supervisors,
            entropy: None,
            single_threaded: false,
            witness: None,
            restart: Restart::Permanent,
        }
    }
}

impl SupervisorSpec {
    pub fn new(strategy: Strategy) -> Self {
        strategy.into()
    }

    /// What its own supervisor does when it gives up; it is permanent otherwise.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// One restart more than `restarts` in that time, and the supervisor stops its children and fails itself.
    pub fn intensity(mut self, restarts: usize, within: Duration) -> Self {
        (self.restarts, self.within) = (restarts, within);
        self
    }

    /// The delay before a first restart and the longest one. It doubles with each failure of a child that has not since run for
    /// longer than `longest`; up to half of it is taken off by chance.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = (first, longest);
        self
    }

    /// Runs the supervisor, and the children that name no other place, on that arbiter.
    pub fn arbiter(mut self, arbiter: ArbiterHandle) -> Self {
        self.home = Home::Shared(arbiter);
        self
    }

    /// Of a root: the stream from which the backoffs' jitter comes. Without it the operating system is asked.
    pub fn entropy(mut self, entropy: Entropy) -> Self {
        self.entropy = Some(entropy);
        self
    }

    /// Of a root: is told of every panic below it, with the actor's path, at the moment it is contained.
    pub fn on_panic(mut self, witness: impl Fn(&str, &LastPanic) + Send + Sync + 'static) -> Self {
        self.witness = Some(Arc::new(witness));
        self
    }

    /// Of a root: everything below runs on the root's thread, whatever the specs say. A simulation needs it.
    pub fn single_threaded(mut self) -> Self {
        self.single_threaded = true;
        self
    }
}

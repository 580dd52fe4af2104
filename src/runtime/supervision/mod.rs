//! Supervision trees over unmodified actix.

use actix::{Actor, Addr};

/// The context of every actor of the cast: `type Context = Ctx<Self>`.
pub type Ctx<A> = actix::Context<A>;

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

/// When a child is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only after a panic.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is made, restarted and stopped. `factory` builds it anew at every start.
pub struct ChildSpec<A> {
    pub name: String,
    pub factory: Box<dyn FnMut() -> A + Send>,
    pub restart: Restart,
}

impl<A> ChildSpec<A> {
    pub fn new(name: impl Into<String>, factory: impl FnMut() -> A + Send + 'static) -> Self {
        Self { name: name.into(), factory: Box::new(factory), restart: Restart::Permanent }
    }

    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }
}

/// A handle on one supervisor of the tree; clones name the same supervisor.
#[derive(Clone)]
pub struct Supervisor {}

impl Supervisor {
    /// The root of a process's tree.
    pub fn root(_strategy: Strategy) -> Self {
        Self {}
    }

    /// A supervisor below this one.
    pub fn supervisor(&self, _name: &str, _strategy: Strategy) -> Supervisor {
        Self {}
    }

    /// Starts a child; its address survives every restart.
    pub fn start<A: Actor<Context = Ctx<A>>>(&self, mut spec: ChildSpec<A>) -> Addr<A> {
        (spec.factory)().start()
    }

    /// Stops one child in order and forgets it.
    pub async fn stop_child(&self, _name: &str) {}

    /// Stops all children in reverse order of start, each within its deadline.
    pub async fn stop(&self) {}
}

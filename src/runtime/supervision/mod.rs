//! Supervision trees over unmodified actix.
//!
//! Stock actix loses an actor for ever when it panics, and its mailbox with it. Here every actor runs in a [`Ctx`], whose mailbox
//! belongs to a seat that outlives it: when the actor ends, by a panic or of its own will, its [`Supervisor`] builds it anew by its
//! factory, and every address and every waiting message is still good. Only the message whose handling panicked is lost; its sender
//! gets a `MailboxError`.
//!
//! - [`ChildSpec`] says how a child is built, restarted and stopped; [`SupervisorSpec`] how a supervisor treats its children.
//! - [`Supervisor`] is the handle with which anybody starts and stops children, from any thread.
//! - [`Tree`] is what can be seen of it all, read from atomics: a stuck actor is visible too.
//!
//! Invariants. An actor lives until it stops itself, is stopped or panics, not until its last address is dropped. What it spawned by
//! `ctx.spawn`, `ctx.wait` or a `ResponseActFuture` dies with it and is contained like it; a plain `ResponseFuture` or a
//! `actix::spawn` is a task of its own: nobody restarts it. Every wake of an actor polls all of its futures, so keep one
//! `FuturesUnordered` or `DelayQueue` in it, never a timer per object.

mod child;
mod context;
mod node;
pub(in crate::runtime) mod panics;
mod run;
mod spec;
mod supervisor;
mod team;
#[cfg(test)]
mod tests;
mod tree;

pub use context::Ctx;
pub use spec::{ChildSpec, Restart, Strategy, SupervisorSpec};
pub use supervisor::{Ended, Supervisor};
pub use tree::{LastPanic, State, Tree};

/// What an actor says that dies by [`Supervisor::inject_panic`].
pub const INJECTED: &str = "injected fault";
/// What an actor says that dies by [`Supervisor::kill`].
pub const KILLED: &str = "killed by an administrator";

//! A child as its supervisor holds it, and the report that it owes.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::mpsc::UnboundedSender;

use super::{node::Node, panics::contain, spec::Restart};
use crate::runtime::clock;

/// What a child is, whether it runs or not: an actor's seat, or a team. It travels into the task that runs it and comes back in its
/// report.
pub(super) trait Body: Send {
    /// Starts its task, on its own thread.
    fn launch(self: Box<Self>, report: Report);
}

/// Why a child ended.
#[derive(Debug)]
pub(super) enum End {
    /// It stopped.
    Normal,
    /// It panicked, or it is a supervisor that gave up.
    Failed(String),
    /// Its thread ended.
    Lost,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Normal => f.write_str("it stopped"),
            End::Failed(reason) => f.write_str(reason),
            End::Lost => f.write_str("its thread ended"),
        }
    }
}

/// The promise to say how a child ended; it is kept even if its thread goes away.
pub(super) struct Report {
    child: u64,
    to: Option<UnboundedSender<Ending>>,
}

/// How a child ended, with what is left of it.
pub(super) struct Ending {
    pub child: u64,
    pub body: Option<Box<dyn Body>>,
    pub end: End,
}

impl Report {
    pub fn new(child: u64, to: UnboundedSender<Ending>) -> Self {
        Self { child, to: Some(to) }
    }

    pub fn send(mut self, body: Box<dyn Body>, end: End) {
        self.deliver(Some(body), end);
    }

    fn deliver(&mut self, body: Option<Box<dyn Body>>, end: End) {
        if let Some(to) = self.to.take() {
            // A supervisor that has gone does not ask any more.
            let _ = to.send(Ending { child: self.child, body, end });
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.deliver(None, End::Lost);
    }
}

/// A child as its supervisor sees it.
pub(super) struct Child {
    pub node: Arc<Node>,
    pub restart: Restart,
    /// None: as long as it takes (a supervisor, whose children have deadlines).
    pub shutdown: Option<Duration>,
    /// While it does not run.
    pub body: Option<Box<dyn Body>>,
    pub launched: Option<clock::Instant>,
    /// Since it last ran for long.
    pub failures: u32,
}

impl Child {
    pub fn new(node: Arc<Node>, restart: Restart, shutdown: Option<Duration>, body: Box<dyn Body>) -> Self {
        Self { node, restart, shutdown, body: Some(body), launched: None, failures: 0 }
    }
}

/// A message that still waits, or a factory, may panic when it is dropped.
pub(super) fn discard(body: Option<Box<dyn Body>>) {
    if let Err(caught) = contain(|| drop(body)) {
        tracing::error!(location = caught.location, "panicked in dropping what was left of an actor: {}", caught.message);
    }
}

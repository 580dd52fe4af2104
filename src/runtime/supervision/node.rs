//! One place in the live tree: what is seen of it, and the signals that reach it without its mailbox.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::*},
    },
    task::{Poll, Waker},
    time::Duration,
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::{
    INJECTED, KILLED,
    panics::Caught,
    tree::{LastPanic, State, Tree},
};
use crate::runtime::clock::{self, WallClock};

/// Signals are bits: several may be up at once.
pub(super) const STOP: u8 = 1;
pub(super) const KILL: u8 = 2;
pub(super) const FAULT: u8 = 4;
pub(super) const EXECUTION: u8 = 8;

/// What an actor or a supervisor that gets these signals dies of, if it is to die at once as by a fault of its own.
pub(super) fn fault(signals: u8) -> Option<&'static str> {
    match signals {
        _ if signals & FAULT != 0 => Some(INJECTED),
        _ if signals & EXECUTION != 0 => Some(KILLED),
        _ => None,
    }
}

pub(super) struct Node {
    pub name: Arc<str>,
    pub path: String,
    kind: &'static str,
    state: AtomicU8,
    restarts: AtomicU32,
    depth: AtomicUsize,
    handled: AtomicU64,
    busy_nanoseconds: AtomicU64,
    last_panic: Mutex<Option<LastPanic>>,
    signals: AtomicU8,
    waker: AtomicWaker,
    children: Mutex<Children>,
    witness: Option<Witness>,
    /// By which it lives, if not by everybody's.
    pub clock: Option<WallClock>,
}

/// Is told of every panic in a tree: the actor's path, and the panic.
pub(super) type Witness = Arc<dyn Fn(&str, &LastPanic) + Send + Sync>;

/// Those below, by the order of their start.
#[derive(Default)]
pub(super) struct Children {
    next: u64,
    nodes: BTreeMap<u64, Arc<Node>>,
}

impl Children {
    pub fn add(&mut self, node: &Arc<Node>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node.clone());
        id
    }

    pub fn remove(&mut self, id: u64) {
        self.nodes.remove(&id);
    }
}

impl Node {
    pub fn root(kind: &'static str, witness: Option<Witness>) -> Arc<Self> {
        Self::new("root".into(), String::from("/"), kind, witness, None)
    }

    pub fn below(&self, name: &str, kind: &'static str, clock: Option<WallClock>) -> Arc<Self> {
        let path = format!("{}/{name}", self.path.trim_end_matches('/'));
        Self::new(name.into(), path, kind, self.witness.clone(), clock)
    }

    fn new(name: Arc<str>, path: String, kind: &'static str, witness: Option<Witness>, clock: Option<WallClock>) -> Arc<Self> {
        Arc::new(Self {
            name,
            path,
            kind,
            state: AtomicU8::new(State::Starting as u8),
            restarts: AtomicU32::new(0),
            depth: AtomicUsize::new(0),
            handled: AtomicU64::new(0),
            busy_nanoseconds: AtomicU64::new(0),
            last_panic: Mutex::new(None),
            signals: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            children: Mutex::new(Children::default()),
            witness,
            clock,
        })
    }

    /// Those below; whoever adds one must tell the supervisor before letting go of them, so that both see the same order.
    pub fn children(&self) -> parking_lot::MutexGuard<'_, Children> {
        self.children.lock()
    }

    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Relaxed);
    }

    pub fn restarted(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    pub fn set_depth(&self, depth: usize) {
        self.depth.store(depth, Relaxed);
    }

    pub fn handled_one(&self) {
        self.handled.fetch_add(1, Relaxed);
    }

    pub fn was_busy(&self, time: Duration) {
        self.busy_nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Logs a panic and keeps it for all to see.
    pub fn panicked(&self, during: &str, caught: &Caught) {
        let Caught { message, location, backtrace } = caught;
        let backtrace = backtrace.as_ref().map(tracing::field::display);
        tracing::error!(actor = self.path, during, location, backtrace, "panicked: {message}");
        let (message, location) = (message.clone(), location.clone());
        let panic = LastPanic { time: clock::now().to_string(), during: during.into(), message, location };
        if let Some(witness) = &self.witness {
            witness(&self.path, &panic);
        }
        *self.last_panic.lock() = Some(panic);
    }

    pub fn last_panic(&self) -> Option<LastPanic> {
        self.last_panic.lock().clone()
    }

    pub fn signal(&self, signal: u8) {
        self.signals.fetch_or(signal, AcqRel);
        self.waker.wake();
    }

    /// From now on a signal wakes that task.
    pub fn on_signal_wake(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The signals that are up; they are taken down.
    pub fn take_signals(&self) -> u8 {
        self.signals.swap(0, AcqRel)
    }

    /// Takes down what the run that has ended did not hear.
    pub fn forget_stop(&self) {
        self.signals.fetch_and(!(STOP | KILL), AcqRel);
    }

    pub async fn signalled(&self) -> u8 {
        poll_fn(|cx| {
            self.on_signal_wake(cx.waker());
            match self.take_signals() {
                0 => Poll::Pending,
                signals => Poll::Ready(signals),
            }
        })
        .await
    }

    /// The node with that path, which is this one or below it.
    pub fn find(self: &Arc<Self>, path: &str) -> Option<Arc<Node>> {
        if self.path == path {
            return Some(self.clone());
        }
        let below = path.strip_prefix(self.path.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        let children: Vec<_> = if below { self.children().nodes.values().cloned().collect() } else { Vec::new() };
        children.iter().find_map(|child| child.find(path))
    }

    pub fn tree(&self) -> Tree {
        let children: Vec<_> = self.children().nodes.values().cloned().collect();
        Tree {
            name: self.name.to_string(),
            path: self.path.clone(),
            kind: self.kind.to_owned(),
            state: State::from_u8(self.state.load(Relaxed)),
            restarts: self.restarts.load(Relaxed),
            last_panic: self.last_panic(),
            mailbox_depth: self.depth.load(Relaxed),
            messages_handled: self.handled.load(Relaxed),
            busy_microseconds: self.busy_nanoseconds.load(Relaxed) / 1000,
            children: children.iter().map(|child| child.tree()).collect(),
        }
    }
}

//! The handle on a supervisor.

use std::{any::type_name, sync::Arc, time::Duration};

use actix::{Actor, Addr, dev::channel::channel};
use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};

use super::{
    child::{Body, Child, End},
    context::Ctx,
    node::{EXECUTION, FAULT, Node, STOP},
    run::{Mailbox, Seat},
    spec::{ChildSpec, Home, Restart, Strategy, SupervisorSpec},
    team::{Command, Team},
    tree::Tree,
};
use crate::runtime::{clock::WallClock, entropy::Entropy, watch};

/// How a whole tree ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// Its root gave up: the reason.
    GaveUp(String),
}

/// A handle on one supervisor of the tree; clones name the same supervisor, from any thread. The tree goes on without handles.
#[derive(Clone)]
pub struct Supervisor(Arc<Handle>, Option<WallClock>);

struct Handle {
    node: Arc<Node>,
    commands: UnboundedSender<Command>,
    /// The supervisor above, and the number of this one there.
    parent: Option<(Supervisor, u64)>,
    /// Only split, never drawn from.
    entropy: Entropy,
    single_threaded: bool,
    ended: watch::Receiver<Option<Ended>>,
}

impl Supervisor {
    /// The root of a process's tree; it runs on this thread, which must be in an actix `System`.
    pub fn root(spec: impl Into<SupervisorSpec>) -> Self {
        let mut spec = spec.into();
        let entropy = spec.entropy.take().unwrap_or_else(Entropy::from_system);
        let single_threaded = spec.single_threaded;
        let node = Node::root(kind(spec.strategy), spec.witness.take());
        let (commands, orders) = unbounded_channel();
        let (end, ended) = watch::channel(None);
        let mut team = Team::new(node.clone(), spec, entropy.split("backoff"), orders);
        actix::spawn(async move {
            let reason = match team.run().await {
                End::Normal => Ended::Stopped,
                failed => Ended::GaveUp(failed.to_string()),
            };
            drop(team);
            end.send_replace(Some(reason));
        });
        Self(Arc::new(Handle { node, commands, parent: None, entropy, single_threaded, ended }), None)
    }

    /// The same supervisor: what is started by this handle, and all below that, lives by that wall clock. Real time knows one clock only.
    pub fn by_clock(&self, clock: WallClock) -> Self {
        Self(self.0.clone(), Some(clock))
    }

    /// A supervisor below this one. Unless its spec says otherwise it is restarted whenever it gives up: its children are then started again
    /// in their order, and their addresses are good as ever.
    pub fn supervisor(&self, name: &str, spec: impl Into<SupervisorSpec>) -> Supervisor {
        let mut spec = spec.into();
        if self.0.single_threaded {
            spec.home = Home::Supervisors;
        }
        let entropy = self.0.entropy.split(name);
        let node = self.0.node.below(name, kind(spec.strategy), self.1.clone());
        let (commands, orders) = unbounded_channel();
        let restart = spec.restart;
        let team = Team::new(node.clone(), spec, entropy.split("backoff"), orders);
        let id = self.add(node.clone(), restart, None, Box::new(team));
        let handle = Handle {
            node,
            commands,
            parent: Some((self.clone(), id)),
            entropy,
            single_threaded: self.0.single_threaded,
            ended: self.0.ended.clone(),
        };
        Supervisor(Arc::new(handle), self.1.clone())
    }

    /// Starts a child; its address survives every restart. Names need not be unique. If this supervisor has been stopped, the address
    /// is closed.
    pub fn start<A: Actor<Context = Ctx<A>>>(&self, spec: ChildSpec<A>) -> Addr<A> {
        let ChildSpec { name, factory, restart, shutdown, capacity, home } = spec;
        let home = if self.0.single_threaded { Home::Supervisors } else { home };
        let node = self.0.node.below(&name, type_name::<A>(), self.1.clone());
        let (sender, receiver) = channel(capacity);
        let seat = Seat { factory, mailbox: Mailbox::new(receiver), node: node.clone(), home };
        self.add(node, restart, Some(shutdown), Box::new(seat));
        Addr::new(sender)
    }

    fn add(&self, node: Arc<Node>, restart: Restart, shutdown: Option<Duration>, body: Box<dyn Body>) -> u64 {
        let mut children = self.0.node.children();
        let id = children.add(&node);
        let refused = self.0.commands.send(Command::Start { id, child: Child::new(node, restart, shutdown, body) });
        if refused.is_err() {
            children.remove(id);
        }
        drop(children);
        id
    }

    /// Stops the children of that name in order and forgets them.
    pub async fn stop_child(&self, name: &str) {
        let (done, stopped) = oneshot::channel();
        self.ask(Command::StopNamed { name: name.to_owned(), done }, stopped).await;
    }

    /// Stops all children in reverse order of start, each within its deadline, and then this supervisor itself.
    pub async fn stop(&self) {
        match &self.0.parent {
            Some((parent, id)) => {
                let (done, stopped) = oneshot::channel();
                parent.ask(Command::StopId { id: *id, done }, stopped).await;
            }
            None => {
                self.0.node.signal(STOP);
                self.ended().await;
            }
        }
    }

    /// Resolves once the supervisor is no more and will not be started again: it was stopped, or gave up and is temporary.
    pub async fn gone(&self) {
        self.0.commands.closed().await;
    }

    /// A supervisor that has gone has nothing left to stop.
    async fn ask(&self, command: Command, done: oneshot::Receiver<()>) {
        if self.0.commands.send(command).is_ok() {
            let _ = done.await;
        }
    }

    /// Resolves when the root has ended, with the reason: it is for the process to decide what to do.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.0.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(Some(ended)) => ended,
            Ok(None) | Err(_) => Ended::GaveUp(String::from("its thread ended")),
        }
    }

    /// What can be seen of this supervisor and all below it now. No actor is asked.
    pub fn tree(&self) -> Tree {
        self.0.node.tree()
    }

    /// The paths of this supervisor and of all below it, in the order of their start.
    pub fn paths(&self) -> Vec<String> {
        self.tree().iter().map(|node| node.path.clone()).collect()
    }

    /// Makes the actor at that path panic at its next poll, or the supervisor there give up: the seam through which tests and the
    /// simulation kill. False if there is none at or below this supervisor.
    pub fn inject_panic(&self, path: &str) -> bool {
        self.strike(path, FAULT)
    }

    /// The same, because somebody who may do so asked for it.
    pub fn kill(&self, path: &str) -> bool {
        self.strike(path, EXECUTION)
    }

    fn strike(&self, path: &str, signal: u8) -> bool {
        let node = self.0.node.find(path);
        node.iter().for_each(|node| node.signal(signal));
        node.is_some()
    }
}

fn kind(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::OneForOne => "one-for-one",
        Strategy::OneForAll => "one-for-all",
        Strategy::RestForOne => "rest-for-one",
    }
}

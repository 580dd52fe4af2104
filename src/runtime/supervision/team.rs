//! The task of a supervisor: what it does when a child ends.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use rand::RngExt;
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::{sleep_until, timeout_at},
};

use super::{
    child::{Body, Child, End, Ending, Report, discard},
    node::{KILL, Node, STOP, fault},
    spec::{Home, Restart, Strategy, SupervisorSpec},
    tree::State,
};
use crate::runtime::{
    clock,
    entropy::Entropy,
    flaw::{Flaw, planted},
};

/// How long a child on another thread may take to notice that it is dropped.
const DROP_DEADLINE: Duration = Duration::from_secs(1);

/// What a handle may ask.
pub(super) enum Command {
    Start {
        id: u64,
        child: Child,
    },
    /// Stops all children of that name, the last first.
    StopNamed {
        name: String,
        done: oneshot::Sender<()>,
    },
    StopId {
        id: u64,
        done: oneshot::Sender<()>,
    },
}

/// A supervisor's state. It outlives the task that runs it, so a supervisor that failed starts again with its children.
pub(super) struct Team {
    node: Arc<Node>,
    spec: SupervisorSpec,
    jitter: Entropy,
    commands: UnboundedReceiver<Command>,
    endings: UnboundedReceiver<Ending>,
    report_to: UnboundedSender<Ending>,
    children: BTreeMap<u64, Child>,
    names: BTreeSet<(Arc<str>, u64)>,
    /// Endings that came while another one was awaited.
    late: VecDeque<(u64, End)>,
    /// When which child is to be started again.
    due: BTreeSet<(clock::Instant, u64)>,
    /// The recent restarts.
    restarts: VecDeque<clock::Instant>,
}

enum Event {
    Signals(u8),
    Ended(u64, End),
    Command(Command),
    Due(u64),
}

impl Team {
    pub fn new(node: Arc<Node>, spec: SupervisorSpec, jitter: Entropy, commands: UnboundedReceiver<Command>) -> Self {
        let (report_to, endings) = unbounded_channel();
        Self {
            node,
            spec,
            jitter,
            commands,
            endings,
            report_to,
            children: BTreeMap::new(),
            names: BTreeSet::new(),
            late: VecDeque::new(),
            due: BTreeSet::new(),
            restarts: VecDeque::new(),
        }
    }

    /// Starts all children in order and looks after them until it is stopped or gives up; then none of them runs.
    pub async fn run(&mut self) -> End {
        self.node.set_state(State::Running);
        self.restarts.clear();
        self.due.clear();
        self.launch_from(0);
        loop {
            match self.next().await {
                Event::Signals(signals) => {
                    let fault = fault(signals);
                    if fault.is_none() {
                        self.node.set_state(State::Stopping);
                    }
                    self.halt_from(0).await;
                    return fault.map_or(End::Normal, |fault| End::Failed(String::from(fault)));
                }
                Event::Ended(id, end) => {
                    if let Some(reason) = self.ended(id, &end).await {
                        self.halt_from(0).await;
                        return End::Failed(reason);
                    }
                }
                Event::Command(command) => self.obey(command).await,
                Event::Due(id) => match self.spec.strategy {
                    Strategy::OneForOne => self.launch(id),
                    Strategy::OneForAll => self.launch_from(0),
                    Strategy::RestForOne => self.launch_from(id),
                },
            }
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((id, end)) = self.late.pop_front() {
                return Event::Ended(id, end);
            }
            let due = self.due.first().copied();
            tokio::select! { biased;
                signals = self.node.signalled() => return Event::Signals(signals),
                Some(ending) = self.endings.recv() => if let Some((id, end)) = self.seat(ending) { return Event::Ended(id, end) },
                Some(command) = self.commands.recv() => return Event::Command(command),
                Some(id) = until(due) => {
                    self.due.pop_first();
                    return Event::Due(id);
                }
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Start { id, child } => {
                self.names.insert((child.node.name.clone(), id));
                self.children.insert(id, child);
                // Where order matters, it comes after those that are still down.
                if self.spec.strategy == Strategy::OneForOne || self.due.is_empty() {
                    self.launch(id);
                }
            }
            Command::StopNamed { name, done } => {
                let name: Arc<str> = name.into();
                let all = (Bound::Included((name.clone(), 0)), Bound::Included((name, u64::MAX)));
                let ids: Vec<u64> = self.names.range(all).map(|(_, id)| *id).collect();
                for id in ids.into_iter().rev() {
                    self.remove(id).await;
                }
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Command::StopId { id, done } => {
                self.remove(id).await;
                let _ = done.send(());
            }
        }
    }

    async fn remove(&mut self, id: u64) {
        self.halt(id).await;
        self.forget(id);
        if self.spec.strategy != Strategy::OneForOne && self.due.is_empty() {
            // Others may have been down only because of this one.
            self.launch_from(0);
        }
    }

    /// Decides what becomes of a child that ended by itself. Returns the reason if that is more than this supervisor takes.
    async fn ended(&mut self, id: u64, end: &End) -> Option<String> {
        let child = self.children.get_mut(&id)?;
        let again = match (child.restart, end) {
            (Restart::Temporary, _) | (Restart::Transient, End::Normal) => false,
            (_, End::Failed(_)) if planted(Flaw::GivesUpChildren) => false,
            (Restart::Permanent | Restart::Transient, _) => child.body.is_some(),
        };
        if !again {
            if matches!(end, End::Lost) {
                tracing::error!(actor = child.node.path, "lost with its thread");
            }
            self.forget(id);
            return None;
        }
        let now = clock::instant();
        if child.launched.is_none_or(|at| now - at > self.spec.backoff.1) {
            child.failures = 0;
        }
        child.failures += 1;
        let (failures, path) = (child.failures, child.node.path.clone());
        self.restarts.push_back(now);
        while self.restarts.front().is_some_and(|at| now - *at > self.spec.within) {
            self.restarts.pop_front();
        }
        if self.restarts.len() > self.spec.restarts {
            let reason = format!("{path} is one restart more than {} in {:?}: {end}", self.spec.restarts, self.spec.within);
            tracing::error!(actor = self.node.path, "gives up: {reason}");
            return Some(reason);
        }
        match self.spec.strategy {
            Strategy::OneForOne => {}
            Strategy::OneForAll => self.halt_from(0).await,
            Strategy::RestForOne => self.halt_from(id).await,
        }
        let delay = self.delay(failures);
        self.due.insert((clock::instant() + delay, id));
        None
    }

    /// Doubles with each failure; chance takes off up to half of it.
    fn delay(&mut self, failures: u32) -> Duration {
        let (first, longest) = self.spec.backoff;
        let doubled = first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(longest);
        doubled.mul_f64(self.jitter.rng().random_range(0.5..=1.0))
    }

    /// Launches the child unless it runs.
    fn launch(&mut self, id: u64) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let Some(body) = child.body.take() else { return };
        child.node.forget_stop();
        child.node.set_state(State::Starting);
        if child.launched.replace(clock::instant()).is_some() {
            child.node.restarted();
        }
        body.launch(Report::new(id, self.report_to.clone()));
    }

    fn launch_from(&mut self, first: u64) {
        let ids: Vec<u64> = self.children.range(first..).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.launch(id));
    }

    /// Stops the child and those started after it, the last first, so that they can be started again; forgets the temporary ones.
    async fn halt_from(&mut self, first: u64) {
        let ids: Vec<u64> = self.children.range(first..).map(|(id, _)| *id).collect();
        for id in ids.into_iter().rev() {
            self.halt(id).await;
            if self.children.get(&id).is_some_and(|child| child.restart == Restart::Temporary) {
                self.forget(id);
            }
        }
    }

    /// Stops the child if it runs: within its deadline of itself, and else by dropping it. Then its body is back.
    async fn halt(&mut self, id: u64) {
        self.due.retain(|(_, of)| *of != id);
        let Some(child) = self.children.get(&id) else { return };
        let (node, shutdown) = (child.node.clone(), child.shutdown);
        if child.body.is_none() {
            node.set_state(State::Stopping);
            node.signal(STOP);
            if !self.await_end(id, shutdown).await {
                tracing::warn!(actor = node.path, "did not stop within {shutdown:?}, and is dropped");
                node.signal(KILL);
                if !self.await_end(id, Some(DROP_DEADLINE)).await {
                    tracing::error!(actor = node.path, "holds up its thread, and is left behind");
                    self.forget(id);
                }
            }
        }
        self.late.retain(|(of, _)| *of != id);
        node.set_state(State::Down);
    }

    /// Waits until the child has ended; false when the time is over.
    async fn await_end(&mut self, id: u64, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| clock::instant() + limit);
        while self.children.get(&id).is_some_and(|child| child.body.is_none()) {
            let ending = match deadline {
                Some(deadline) => timeout_at(deadline, self.endings.recv()).await,
                None => Ok(self.endings.recv().await),
            };
            let Ok(ending) = ending else { return false };
            match ending.and_then(|ending| self.seat(ending)) {
                Some((ended, End::Lost)) if ended == id => self.forget(id),
                Some((ended, _)) if ended == id => {}
                Some(other) => self.late.push_back(other),
                None => {}
            }
        }
        true
    }

    /// Puts the body of a child that ended back in its place.
    fn seat(&mut self, Ending { child: id, body, end }: Ending) -> Option<(u64, End)> {
        let Some(child) = self.children.get_mut(&id) else {
            discard(body);
            return None;
        };
        child.body = body;
        child.node.set_state(State::Down);
        Some((id, end))
    }

    /// Drops all that is left of a child; its mailbox closes.
    fn forget(&mut self, id: u64) {
        let Some(child) = self.children.remove(&id) else { return };
        self.names.remove(&(child.node.name.clone(), id));
        self.due.retain(|(_, of)| *of != id);
        self.node.children().remove(id);
        discard(child.body);
    }
}

async fn until(due: Option<(clock::Instant, u64)>) -> Option<u64> {
    let (at, id) = due?;
    sleep_until(at).await;
    Some(id)
}

impl Body for Team {
    fn launch(mut self: Box<Self>, report: Report) {
        let arbiter = match &self.spec.home {
            Home::Shared(arbiter) => Some(arbiter.clone()),
            Home::Supervisors | Home::Own(_) => None,
        };
        let start = move || {
            actix::spawn(async move {
                let end = self.run().await;
                report.send(self, end);
            });
        };
        match arbiter {
            Some(arbiter) => drop(arbiter.spawn_fn(start)),
            None => start(),
        }
    }
}

impl Drop for Team {
    /// In reverse order of start, as everything stops; with those whose start it never came to.
    fn drop(&mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Start { id, child } = command {
                self.children.insert(id, child);
            }
        }
        while let Some((id, child)) = self.children.pop_last() {
            self.node.children().remove(id);
            discard(child.body);
        }
    }
}

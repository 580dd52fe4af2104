//! The one actor that writes. It takes what waits in its mailbox, checks each batch against the head, makes all of them durable by one
//! append, publishes the new snapshot and its events, and only then answers.
//!
//! Woken by [`Commit`]. A restarted writer takes its state from the engine: what became durable just before a panic is published then,
//! and those who waited for it are told that its fate is [`CommitError::Unknown`].

use std::mem;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use imbl::OrdMap;
use tokio::sync::oneshot;

use super::engine::{Engine, EngineError, Record, Recovered};
use super::{Change, CommitError, Committed, Event, Expect, History, Key, Revision, Snapshot, Stored, Write};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::supervision::Ctx;
use crate::runtime::watch;

/// At most this many batches share one append, so that the first of them does not wait for ever.
const BATCHES_PER_APPEND: usize = 1024;

/// What the writer publishes and all readers see.
pub(super) struct Shared<T> {
    pub snapshot: ArcSwap<Snapshot<T>>,
    pub history: History<T>,
    pub engine: Arc<dyn Engine>,
    /// Why no write is taken any more: an append whose fate is in doubt.
    pub poisoned: watch::Sender<Option<String>>,
}

/// Asks for one batch to be committed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Commit<T: Stored> {
    pub writes: Vec<Write<T>>,
    pub reply: Reply<T>,
}

pub(super) type Answer<T> = Result<Committed<T>, CommitError<T>>;
/// Where a batch's answer is waited for.
pub(super) type Reply<T> = oneshot::Sender<Answer<T>>;

/// Sent by the writer to itself when its mailbox is drained.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

pub(super) struct Writer<T: Stored> {
    shared: Arc<Shared<T>>,
    waiting: Vec<Commit<T>>,
}

impl<T: Stored> Writer<T> {
    pub fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, waiting: Vec::new() }
    }

    /// Publishes what is durable but was never published.
    fn catch_up(&self) -> Result<(), EngineError> {
        let published = self.shared.snapshot.load_full();
        if self.shared.engine.revision()? <= published.revision {
            return Ok(());
        }
        let durable = restore(self.shared.engine.recover()?)?;
        let events = difference(&published, &durable);
        self.shared.publish(durable, events);
        Ok(())
    }

    fn flush(&mut self, ctx: &mut Ctx<Self>) {
        let rest = self.waiting.split_off(self.waiting.len().min(BATCHES_PER_APPEND));
        let batches = mem::replace(&mut self.waiting, rest);
        if !self.waiting.is_empty() {
            ctx.notify(Flush);
        }
        let poisoned = self.shared.poisoned.borrow().clone();
        if let Some(reason) = poisoned {
            for Commit { reply, .. } in batches {
                // Who no longer waits for the answer has no use for it.
                let _ = reply.send(Err(CommitError::Unavailable(reason.clone())));
            }
            return;
        }
        let mut staged = Staged::new(&self.shared.snapshot.load(), batches);
        let shared = self.shared.clone();
        let append = async move {
            let records = mem::take(&mut staged.records);
            let head = staged.snapshot.revision;
            if planted(Flaw::AcknowledgesBeforeDurable) {
                staged.settle(&shared, Ok(()));
                drop(shared.engine.append(head, records).await);
                return;
            }
            let outcome = match records.is_empty() {
                true => Ok(()),
                false => shared.engine.append(head, records).await,
            };
            staged.settle(&shared, outcome);
        };
        ctx.wait(append.into_actor(self).map(|(), _, _| ()));
    }
}

impl<T: Stored> Actor for Writer<T> {
    type Context = Ctx<Self>;

    fn started(&mut self, _ctx: &mut Self::Context) {
        if let Err(error) = self.catch_up() {
            self.shared.poison(error.to_string());
        }
    }
}

impl<T: Stored> Handler<Commit<T>> for Writer<T> {
    type Result = ();

    fn handle(&mut self, commit: Commit<T>, ctx: &mut Self::Context) {
        self.waiting.push(commit);
        if self.waiting.len() == 1 {
            ctx.notify(Flush);
        }
    }
}

impl<T: Stored> Handler<Flush> for Writer<T> {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.flush(ctx);
    }
}

impl<T: Stored> Shared<T> {
    /// The snapshot first, then its events: who hears of a change can read it.
    fn publish(&self, snapshot: Snapshot<T>, events: Vec<Event<T>>) {
        let head = snapshot.revision;
        self.snapshot.store(Arc::new(snapshot));
        self.history.publish(head, events);
    }

    fn poison(&self, reason: String) {
        tracing::error!(reason, "the store takes no more writes");
        self.poisoned.send_if_modified(|poisoned| {
            let is_first = poisoned.is_none();
            poisoned.get_or_insert(reason);
            is_first
        });
    }
}

/// Several batches, checked and applied to a copy of the head, not yet durable.
struct Staged<T: Stored> {
    snapshot: Snapshot<T>,
    records: Vec<Record>,
    events: Vec<Event<T>>,
    answers: Vec<(Reply<T>, Answer<T>)>,
}

impl<T: Stored> Staged<T> {
    fn new(head: &Snapshot<T>, batches: Vec<Commit<T>>) -> Self {
        let mut staged = Self { snapshot: head.clone(), records: Vec::new(), events: Vec::new(), answers: Vec::new() };
        for Commit { writes, reply } in batches {
            let answer = match staged.conflict(&writes) {
                Some(conflict) => Err(conflict),
                None => Ok(staged.apply(writes)),
            };
            staged.answers.push((reply, answer));
        }
        staged
    }

    fn conflict(&self, writes: &[Write<T>]) -> Option<CommitError<T>> {
        writes.iter().enumerate().find_map(|(index, write)| {
            let current = self.snapshot.get(&write.key);
            let holds = match write.expect {
                Expect::Any => true,
                Expect::Absent => current.is_none() || planted(Flaw::CreateOverwrites),
                Expect::At(_) if planted(Flaw::NoCompareAndSet) => true,
                Expect::At(revision) => current.is_some_and(|value| value.revision() == revision),
            };
            (!holds).then(|| CommitError::Conflict { index, current: current.cloned() })
        })
    }

    fn apply(&mut self, writes: Vec<Write<T>>) -> Committed<T> {
        let revision = self.snapshot.revision.next();
        let mut changed = false;
        let mut values = Vec::with_capacity(writes.len());
        for Write { key, value, .. } in writes {
            let value = match value {
                Some(value) => Some(self.put(key, value.at(revision), revision)),
                None => self.delete(key, revision),
            };
            changed |= value.is_some();
            values.push(value);
        }
        if changed {
            self.snapshot.revision = revision;
        }
        Committed { revision: self.snapshot.revision, values }
    }

    fn put(&mut self, key: Key, value: T, revision: Revision) -> T {
        let previous = self.snapshot.entries.insert(key.clone(), value.clone());
        self.records.push(Record { key: key.clone(), revision, value: Some(value.bytes().clone()) });
        self.events.push(Event { revision, key, change: Change::Put { value: value.clone(), previous } });
        value
    }

    fn delete(&mut self, key: Key, revision: Revision) -> Option<T> {
        let previous = self.snapshot.entries.remove(&key)?;
        let value = previous.at(revision);
        self.records.push(Record { key: key.clone(), revision, value: None });
        self.events.push(Event { revision, key, change: Change::Delete { value: value.clone(), previous } });
        Some(value)
    }

    fn settle(self, shared: &Shared<T>, outcome: Result<(), EngineError>) {
        if outcome.is_ok() && !self.events.is_empty() {
            shared.publish(self.snapshot, self.events);
        }
        if let Err(EngineError::InDoubt(reason)) = &outcome
            && !planted(Flaw::GoesOnInDoubt)
        {
            shared.poison(reason.clone());
        }
        for (reply, answer) in self.answers {
            let answer = match &outcome {
                Ok(()) => answer,
                Err(EngineError::InDoubt(_)) => Err(CommitError::Unknown),
                Err(error) => Err(CommitError::Unavailable(error.to_string())),
            };
            // Who no longer waits for the answer has no use for it.
            let _ = reply.send(answer);
        }
    }
}

/// The snapshot that an engine's contents are.
pub(super) fn restore<T: Stored>(mut recovered: Recovered) -> Result<Snapshot<T>, EngineError> {
    let mut entries = OrdMap::new();
    if planted(Flaw::LosesTheNewestOnRestart) {
        recovered.entries.retain(|(_, revision, _)| *revision < recovered.revision);
    }
    if planted(Flaw::RevisionsGoBack) {
        recovered.revision = recovered.entries.last().map_or(recovered.revision, |(_, revision, _)| *revision);
    }
    for (key, revision, bytes) in recovered.entries {
        let value = T::restore(bytes, revision).map_err(|what| EngineError::Damaged { file: key.to_string().into(), what })?;
        entries.insert(key, value);
    }
    Ok(Snapshot { revision: recovered.revision, entries })
}

/// The events that lead from one snapshot to a later one, in order of revision; a deletion's own revision is not known any more, so it
/// gets the newest.
fn difference<T: Stored>(before: &Snapshot<T>, after: &Snapshot<T>) -> Vec<Event<T>> {
    let put = after.entries.iter().filter_map(|(key, value)| {
        let previous = before.entries.get(key).cloned();
        let changed = previous.as_ref().is_none_or(|previous| previous.revision() != value.revision());
        let change = Change::Put { value: value.clone(), previous };
        changed.then(|| Event { revision: value.revision(), key: key.clone(), change })
    });
    let deleted = before.entries.iter().filter(|(key, _)| !after.entries.contains_key(*key)).map(|(key, old)| {
        let change = Change::Delete { value: old.at(after.revision), previous: old.clone() };
        Event { revision: after.revision, key: key.clone(), change }
    });
    let mut events: Vec<Event<T>> = put.chain(deleted).collect();
    events.sort_by_key(|event| event.revision);
    events
}

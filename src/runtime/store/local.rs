//! A store in this process: a writer actor over an engine, and readers that touch neither.

use std::sync::Arc;

use actix::Addr;
use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::engine::{Engine, EngineError, Volatile};
use super::history::Bounds;
use super::writer::{Commit, Shared, Writer, restore};
use super::{Change, CommitError, Committed, Events, Extent, History, PlaceError, Revision, Snapshot, Store, Stored, Write};
use crate::runtime::supervision::{ChildSpec, Supervisor};
use crate::runtime::watch;

/// The memory store (over [`Volatile`]) and the embedded store (over redb) are both this.
pub struct LocalStore<T: Stored> {
    shared: Arc<Shared<T>>,
    writer: Addr<Writer<T>>,
}

impl<T: Stored> LocalStore<T> {
    /// Recovers what the engine holds and starts the writer below `supervisor`.
    ///
    /// # Errors
    /// The engine cannot be read, or holds what is not a `T`.
    pub fn start(supervisor: &Supervisor, engine: Arc<dyn Engine>, bounds: Bounds) -> Result<Self, EngineError> {
        let snapshot = restore(engine.recover()?)?;
        let history = History::starting_at(snapshot.revision, bounds);
        let shared = Arc::new(Shared { snapshot: ArcSwap::from_pointee(snapshot), history, engine, poisoned: watch::Sender::new(None) });
        let state = shared.clone();
        let blocks = shared.engine.blocks();
        let spec = ChildSpec::new("writer", move || Writer::new(state.clone()));
        let writer = supervisor.start(if blocks { spec.own_arbiter() } else { spec });
        Ok(Self { shared, writer })
    }

    /// A store that forgets with the process.
    pub fn in_memory(supervisor: &Supervisor) -> Self {
        Self::start(supervisor, Arc::new(Volatile), Bounds::default()).expect("nothing is recovered from nothing")
    }

    /// How much history is kept.
    pub fn extent(&self) -> Extent {
        self.shared.history.extent()
    }

    /// Forgets all history up to now: who holds an older revision must list again.
    pub fn compact(&self) {
        self.shared.history.compact(self.shared.snapshot.load().revision);
    }

    /// Resolves once the store takes no writes any more, with the reason. Only a new start, which reads what is durable, makes it good.
    pub async fn in_doubt(&self) -> String {
        let reason = self.shared.poisoned.subscribe().wait_for(Option::is_some).await.ok().flatten();
        reason.expect("the sender lives as long as this handle, and waits for a reason")
    }
}

impl<T: Stored> Store<T> for LocalStore<T> {
    fn snapshot(&self) -> Snapshot<T> {
        Snapshot::clone(&self.shared.snapshot.load())
    }

    fn snapshot_at(&self, revision: Revision) -> Result<Snapshot<T>, PlaceError> {
        let mut snapshot = self.snapshot();
        // A commit between the two reads only adds changes that the snapshot lacks; undoing them twice does no harm, since each undo
        // restores what stood before.
        for event in self.shared.history.since(revision)? {
            match &event.change {
                Change::Put { previous: Some(previous), .. } | Change::Delete { previous, .. } => {
                    snapshot.entries.insert(event.key.clone(), previous.clone());
                }
                Change::Put { previous: None, .. } => {
                    snapshot.entries.remove(&event.key);
                }
            }
        }
        snapshot.revision = revision;
        Ok(snapshot)
    }

    fn commit(&self, writes: Vec<Write<T>>) -> BoxFuture<'static, Result<Committed<T>, CommitError<T>>> {
        let (reply, answer) = oneshot::channel();
        let request = self.writer.send(Commit { writes, reply });
        Box::pin(async move {
            request.await.map_err(|_| CommitError::Unknown)?;
            answer.await.map_err(|_| CommitError::Unknown)?
        })
    }

    fn events(&self, collection: &str, after: Revision) -> Result<Events<T>, PlaceError> {
        self.shared.history.events(collection, after)
    }

    fn touched(&self, collections: &[&str]) -> Revision {
        self.shared.history.touched(collections)
    }

    fn fresh(&self) -> BoxFuture<'static, Result<Revision, String>> {
        // The only writer is in this process, and it publishes before it answers.
        let revision = self.shared.snapshot.load().revision;
        Box::pin(async move { Ok(revision) })
    }
}

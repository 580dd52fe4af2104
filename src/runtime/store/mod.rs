//! The store: keys, revisions and bytes, nothing of Kubernetes.
//!
//! Architecture invariant: every read is of one [`Snapshot`], every write is one [`Store::commit`], and every change is seen through
//! [`Store::events`], in order and none skipped. There is no other way to state.

mod embedded;
mod engine;
mod history;
mod local;
mod snapshot;
mod writer;

#[cfg(test)]
mod contract;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

pub use embedded::{DirectoryLock, Embedded, create_directory};
pub use engine::{Engine, EngineError, Record, Recovered, Volatile};
pub use history::{Bounds, Events, Extent, History};
pub use local::LocalStore;
pub use snapshot::Snapshot;

/// A point in the store's history. Each commit has the next one; all its writes share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a value stands: in a collection (`pods`), under a path (`default/web-1`). Ordered by collection, then path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub collection: Arc<str>,
    pub path: Arc<str>,
}

impl Key {
    pub fn new(collection: impl Into<Arc<str>>, path: impl Into<Arc<str>>) -> Self {
        Self { collection: collection.into(), path: path.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.path)
    }
}

/// What can be stored: a value that carries its revision within its bytes.
pub trait Stored: Clone + Send + Sync + Unpin + 'static {
    /// The same value as of `revision`: what the writer seals at commit, and the last state that a deletion shows.
    fn at(&self, revision: Revision) -> Self;
    fn revision(&self) -> Revision;
    fn bytes(&self) -> &Bytes;
    /// Reads back what [`Stored::bytes`] gave; the error says what is wrong with the bytes.
    fn restore(bytes: Bytes, revision: Revision) -> Result<Self, String>;
}

/// What must hold of a key for its write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Absent,
    At(Revision),
    Any,
}

/// One write of a batch.
#[derive(Clone, Debug)]
pub struct Write<T> {
    pub key: Key,
    pub expect: Expect,
    /// The new value, or `None` to delete.
    pub value: Option<T>,
}

/// A batch that is durable.
#[derive(Clone, Debug)]
pub struct Committed<T> {
    pub revision: Revision,
    /// For each write, in order, the value as it stands now; for a deletion, the last state as of this revision (`None` if there was none).
    pub values: Vec<Option<T>>,
}

/// Why a batch was not committed. Nothing of it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError<T> {
    /// The write at `index` did not find what it expected; `current` is what is there.
    #[error("write {index} of the batch found another revision than it expected")]
    Conflict { index: usize, current: Option<T> },
    /// The store cannot take writes: no space, a failed disk, lost quorum.
    #[error("the store takes no writes: {0}")]
    Unavailable(String),
    /// The store stopped before it answered: the batch may or may not be durable.
    #[error("the store stopped before it could say whether the batch is durable")]
    Unknown,
}

/// Why a past or future revision cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// History before `oldest` is gone.
    #[error("history before revision {oldest} has been compacted")]
    Compacted { oldest: Revision },
    /// Nothing has happened yet at that revision.
    #[error("that revision is in the future; the newest is {newest}")]
    Future { newest: Revision },
}

/// One change of one key.
#[derive(Clone, Debug)]
pub struct Event<T> {
    pub revision: Revision,
    pub key: Key,
    pub change: Change<T>,
}

/// What happened to a key. `previous` lets a watcher with a selector tell who entered and who left.
#[derive(Clone, Debug)]
pub enum Change<T> {
    Put {
        value: T,
        previous: Option<T>,
    },
    /// `value` is the last state, as of the deletion's revision.
    Delete {
        value: T,
        previous: T,
    },
}

/// The one interface to every store.
pub trait Store<T: Stored>: Send + Sync + 'static {
    /// The newest state, in O(1); immutable.
    fn snapshot(&self) -> Snapshot<T>;

    /// The state at a past revision, as long as history reaches back to it. Costs time in proportion to the changes since then.
    fn snapshot_at(&self, revision: Revision) -> Result<Snapshot<T>, PlaceError>;

    /// Writes all or nothing, and answers when it is durable and visible to [`Store::snapshot`].
    fn commit(&self, writes: Vec<Write<T>>) -> BoxFuture<'static, Result<Committed<T>, CommitError<T>>>;

    /// Every change in a collection after a revision, in order.
    fn events(&self, collection: &str, after: Revision) -> Result<Events<T>, PlaceError>;

    /// The revision of the newest change in any of the collections that this process has seen, 0 if there was none. What is derived from a
    /// snapshot that was taken afterwards holds until it rises. Costs no look at the collections' objects.
    fn touched(&self, collections: &[&str]) -> Revision;

    /// A revision no older than any write acknowledged anywhere: what a consistent read waits for.
    fn fresh(&self) -> BoxFuture<'static, Result<Revision, String>>;
}

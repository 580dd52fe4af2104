//! The event log of a run: every commit in order, with its time and its bytes.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::api::object::Object;
use crate::runtime::clock;
use crate::runtime::store::{CommitError, Committed, Events, Key, PlaceError, Revision, Snapshot, Store, Stored, Write};

/// One write that became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub time: Timestamp,
    pub revision: Revision,
    pub key: Key,
    /// What stands there now; `None` after a deletion.
    pub value: Option<Bytes>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, revision, key, value } = self;
        match value {
            Some(value) => write!(f, "{time} {revision} put {key} {}", String::from_utf8_lossy(value)),
            None => write!(f, "{time} {revision} delete {key}"),
        }
    }
}

/// What was committed in a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Line>>>);

impl Journal {
    /// Everything so far, oldest first.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().clone()
    }

    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over all lines, in hexadecimal: the same for two runs only if they are the same byte for byte.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for line in self.0.lock().iter() {
            hash.update(line.to_string());
            hash.update(b"\n");
        }
        hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all that is written");
            hex
        })
    }

    /// The first place at which two runs differ: its number, and what stands there in each.
    pub fn difference(&self, other: &Self) -> Option<(usize, Option<Line>, Option<Line>)> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return None;
        }
        let (one, other) = (self.lines(), other.lines());
        let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
        Some((at, one.get(at).cloned(), other.get(at).cloned()))
    }

    /// The store, with every commit of it written down here.
    pub fn of(&self, store: Arc<dyn Store<Object>>) -> Journaled {
        Journaled { store, journal: self.clone() }
    }
}

/// A store whose commits are written down.
pub struct Journaled {
    store: Arc<dyn Store<Object>>,
    journal: Journal,
}

impl Store<Object> for Journaled {
    fn snapshot(&self) -> Snapshot<Object> {
        self.store.snapshot()
    }

    fn snapshot_at(&self, revision: Revision) -> Result<Snapshot<Object>, PlaceError> {
        self.store.snapshot_at(revision)
    }

    fn commit(&self, writes: Vec<Write<Object>>) -> BoxFuture<'static, Result<Committed<Object>, CommitError<Object>>> {
        let written: Vec<(Key, bool)> = writes.iter().map(|write| (write.key.clone(), write.value.is_some())).collect();
        let (commit, journal) = (self.store.commit(writes), self.journal.clone());
        async move {
            let committed = commit.await?;
            let (time, revision) = (clock::now(), committed.revision);
            let values = written.into_iter().zip(&committed.values);
            // The deletion of what is not there changes nothing.
            let lines = values.filter_map(|((key, put), value)| {
                let value = value.as_ref()?;
                Some(Line { time, revision, key, value: put.then(|| value.bytes().clone()) })
            });
            journal.0.lock().extend(lines);
            Ok(committed)
        }
        .boxed()
    }

    fn events(&self, collection: &str, after: Revision) -> Result<Events<Object>, PlaceError> {
        self.store.events(collection, after)
    }

    fn fresh(&self) -> BoxFuture<'static, Result<Revision, String>> {
        self.store.fresh()
    }
}

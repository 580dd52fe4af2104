//! The event log of a run: every commit in order, with its time and its bytes.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::runtime::clock;
use crate::runtime::store::{Key, Record, Revision};

/// One write that became durable. A deletion has the revision of the newest write of its batch.
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

/// What was committed in a run, whether anybody was told or not. Clones share it.
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

    /// Writes down a batch that has become durable.
    pub(super) fn durable(&self, head: Revision, records: &[Record]) {
        let time = clock::now();
        let line = |Record { key, value }: &Record| {
            let (revision, value) = value.clone().map_or((head, None), |(revision, bytes)| (revision, Some(bytes)));
            Line { time, revision, key: key.clone(), value }
        };
        self.0.lock().extend(records.iter().map(line));
    }
}

//! The event log of a run: every commit in order, with its time and its bytes, and what happened to the cluster from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::runtime::clock;
use crate::runtime::store::{Key, Record, Revision};

/// Where faults stand in the log.
pub const FAULTS: &str = "faults";
/// So many of the newest lines are kept of each key when not all are.
const RECENT: usize = 20;

/// One write that became durable (a deletion has the revision of the newest write of its batch), or (in [`FAULTS`]) one fault.
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

/// Sees every commit as it becomes durable, before anybody else does.
pub trait Observer: Send {
    fn committed(&mut self, line: &Line);
}

/// How much of a journal is kept. All of it counts for its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    #[default]
    All,
    /// The newest twenty lines of each key.
    Recent,
}

#[derive(Default)]
struct Log {
    keep: Keep,
    count: usize,
    lines: Vec<Line>,
    recent: BTreeMap<Key, Vec<Line>>,
    hash: Sha256,
    observers: Vec<Box<dyn Observer>>,
}

impl Log {
    fn add(&mut self, line: Line) {
        self.count += 1;
        let Line { time, revision, key, value } = &line;
        self.hash.update(format!("{time} {revision} {key} {}\n", value.as_ref().map_or(0, |value| value.len() + 1)));
        self.hash.update(value.as_deref().unwrap_or_default());
        match self.keep {
            Keep::All => self.lines.push(line),
            Keep::Recent => {
                let recent = self.recent.entry(line.key.clone()).or_default();
                if recent.len() == RECENT {
                    recent.remove(0);
                }
                recent.push(line);
            }
        }
    }
}

/// What happened in a run. Clones share it.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Log>>);

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a journal of {} lines", self.len())
    }
}

impl Journal {
    pub fn keeping(keep: Keep) -> Self {
        Self(Arc::new(Mutex::new(Log { keep, ..Log::default() })))
    }

    pub fn observe(&self, observer: Box<dyn Observer>) {
        self.0.lock().observers.push(observer);
    }

    /// Everything that is kept, oldest first.
    pub fn lines(&self) -> Vec<Line> {
        let log = self.0.lock();
        match log.keep {
            Keep::All => log.lines.clone(),
            Keep::Recent => {
                let mut lines: Vec<Line> = log.recent.values().flatten().cloned().collect();
                lines.sort_by_key(|line| (line.time, line.revision));
                lines
            }
        }
    }

    /// What is kept of one key, oldest first.
    pub fn of_key(&self, key: &Key) -> Vec<Line> {
        let log = self.0.lock();
        match log.keep {
            Keep::All => log.lines.iter().filter(|line| line.key == *key).cloned().collect(),
            Keep::Recent => log.recent.get(key).cloned().unwrap_or_default(),
        }
    }

    /// How many lines there have been, kept or not.
    pub fn len(&self) -> usize {
        self.0.lock().count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over all that happened, in hexadecimal: the same for two runs only if they are the same byte for byte.
    pub fn digest(&self) -> String {
        let hash = self.0.lock().hash.clone();
        hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all that is written");
            hex
        })
    }

    /// The first place at which two runs of which all is kept differ: its number, and what stands there in each.
    pub fn difference(&self, other: &Self) -> Option<(usize, Option<Line>, Option<Line>)> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return None;
        }
        let (one, other) = (self.lines(), other.lines());
        let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
        Some((at, one.get(at).cloned(), other.get(at).cloned()))
    }

    /// Writes down what was done to the cluster from outside.
    pub fn fault(&self, name: &str, what: &str) {
        let value = Some(Bytes::copy_from_slice(what.as_bytes()));
        self.0.lock().add(Line { time: clock::now(), revision: Revision(0), key: Key::new(FAULTS, name.to_owned()), value });
    }

    /// Writes down a batch that has become durable.
    pub(super) fn durable(&self, head: Revision, records: &[Record]) {
        let time = clock::now();
        let mut log = self.0.lock();
        let mut observers = std::mem::take(&mut log.observers);
        for Record { key, value } in records {
            let (revision, value) = value.clone().map_or((head, None), |(revision, bytes)| (revision, Some(bytes)));
            let line = Line { time, revision, key: key.clone(), value };
            observers.iter_mut().for_each(|observer| observer.committed(&line));
            log.add(line);
        }
        log.observers = observers;
    }
}

//! What happens to a live process from outside, kept so that it can be lived through again: requests, what containers did, which actors
//! died, when the process started and ended, where its chance came from, and what was committed meanwhile, to compare.
//!
//! A [`Recorder`] is held by whoever sees something of it; without a recording it does nothing. What is recorded is handed to a thread of its
//! own, and nobody waits for the disk. A recording is lines of JSON, each with its checksum ([`frame`]); its first line says what it is.
//!
//! Architecture invariant: nothing here knows what an object is. Objects, requests and users are JSON that others have made.

mod containers;
mod engine;
pub mod frame;
mod picture;
mod reader;
mod record;
mod tape;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;

pub use containers::{Findings, RecordedRuntime, Unrecorded};
pub use engine::RecordedEngine;
pub use reader::{Recording, RecordingError};
pub use record::{
    ActRecord, ContainerRecord, Entry, Fault, Head, ImageRecord, NodeRecord, ObjectRecord, Record, SandboxRecord, Start, StateRecord, Verb,
};

use crate::runtime::clock;
use crate::runtime::store::{Key, Revision};
use tape::Tape;

/// So many records may wait for the disk; one that finds no place is lost, and that is said.
const QUEUE: usize = 1 << 14;

/// What a recording is begun with.
pub struct Options {
    pub file: PathBuf,
    /// How much it may fill on the disk.
    pub limit: u64,
    /// Whose it is: that of another cluster is not continued.
    pub cluster: String,
    /// An object as it may be kept, where that is not all of it: by its collection and bytes.
    pub redact: Redact,
    /// It holds secret data.
    pub secrets: bool,
}

pub type Redact = Arc<dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// What the thread is handed.
enum Item {
    Entry(Box<Entry>),
    /// A batch that is durable.
    Commits(Timestamp, Vec<crate::runtime::store::Record>),
    /// All that the store holds.
    Recovered(Timestamp, Vec<(Key, Revision, Bytes)>),
    Close,
}

/// Where what happens is recorded, or nowhere. Clones are the same.
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<Shared>>);

struct Shared {
    queue: SyncSender<Item>,
    lost: AtomicU64,
    requests: AtomicU64,
    secrets: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Begins a recording, or goes on with the one that an earlier process has left.
    ///
    /// # Errors
    /// The file cannot be written, or is none that can be continued.
    pub fn start(options: Options) -> Result<Self, RecordingError> {
        let secrets = options.secrets;
        let mut tape = Tape::open(options)?;
        let (queue, items) = mpsc::sync_channel(QUEUE);
        let shared = |thread| Shared { queue, lost: AtomicU64::new(0), requests: AtomicU64::new(0), secrets, thread };
        let shared = Arc::new(shared(Mutex::new(None)));
        let counted = Arc::downgrade(&shared);
        let work = move || {
            while let Ok(item) = items.recv() {
                let mut next = Some(item);
                while let Some(item) = next {
                    let lost = counted.upgrade().map_or(0, |shared| shared.lost.swap(0, Ordering::Relaxed));
                    tape.lost(lost);
                    if matches!(item, Item::Close) {
                        return tape.flush();
                    }
                    tape.take(item);
                    next = items.try_recv().ok();
                }
                tape.flush();
            }
            tape.flush();
        };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(work).map_err(RecordingError::thread)?;
        *shared.thread.lock() = Some(thread);
        Ok(Self(Some(shared)))
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether secret data may be recorded.
    pub fn keeps_secrets(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.secrets)
    }

    /// Records what happens now. Never waits.
    pub fn write(&self, record: impl FnOnce() -> Record) {
        if let Some(shared) = &self.0 {
            shared.put(Item::Entry(Box::new(Entry { at: clock::now(), record: record() })));
        }
    }

    /// A number for a request that is about to be recorded.
    pub fn number(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.requests.fetch_add(1, Ordering::Relaxed))
    }

    fn commits(&self, records: Vec<crate::runtime::store::Record>) {
        if let Some(shared) = &self.0 {
            shared.put(Item::Commits(clock::now(), records));
        }
    }

    fn recovered(&self, entries: Vec<(Key, Revision, Bytes)>) {
        if let Some(shared) = &self.0 {
            shared.put(Item::Recovered(clock::now(), entries));
        }
    }

    /// Waits until all that was recorded is in the file; what comes later is not.
    pub fn close(&self) {
        let Some(shared) = &self.0 else { return };
        if let Some(thread) = shared.thread.lock().take()
            && shared.queue.send(Item::Close).is_ok()
        {
            // It would have said why it ended itself.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn put(&self, item: Item) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(item) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

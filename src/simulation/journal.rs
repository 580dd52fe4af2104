//! The event log of a run: what was asked, answered, written, seen, started and broken, in order and with its time.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::api::object::Object;
use crate::runtime::clock;
use crate::runtime::store::{Key, Record, Recovered, Revision, Stored};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    pub time: Timestamp,
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// One write became durable, whether anybody is told or not. `None` is a deletion.
    Commit { revision: Revision, key: Key, value: Option<Bytes> },
    /// What a process found on its disk.
    Recovered(Arc<Recovered>),
    /// A client sent a request.
    Asked { id: u64, request: Arc<Request> },
    /// What its sender was told.
    Answered { id: u64, request: Arc<Request>, outcome: Outcome },
    /// What a watch brought.
    Delivered { id: u64, request: Arc<Request>, delivery: Delivery },
    /// Something was done to the cluster, by a user or as a fault.
    Deed { number: usize, what: String },
    /// A user did not get what that deed asks for.
    Refused { number: usize, what: String },
    /// The process that runs the cast started or ended.
    Process { what: String },
    /// A container started or ended on a machine.
    Container { node: Arc<str>, pod_uid: Arc<str>, name: Arc<str>, id: Arc<str>, what: ContainerChange },
    /// An actor panicked.
    Panicked { actor: String, message: String, location: String },
}

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub user: Arc<str>,
    pub verb: &'static str,
    pub collection: Arc<str>,
    /// `namespace/name`, or a part of it for a collection.
    pub path: Arc<str>,
    pub subresource: Box<str>,
    /// What it depends on: the revision a write expects, or from which a watch starts.
    pub revision: Box<str>,
    /// Part of a collection only: by selectors or in pages.
    pub is_partial: bool,
}

/// How a request ended for its sender.
#[derive(Clone, Debug)]
pub enum Outcome {
    Object(Object),
    List {
        revision: Revision,
        items: Arc<[Object]>,
    },
    /// A watch began, or what a subresource answers.
    Other,
    /// The code of an error that the API answered.
    Refused(u16),
    /// Neither answer nor error of the API came: the request may have had its effect.
    Lost,
}

/// What a watch may bring.
#[derive(Clone, Debug)]
pub enum Delivery {
    Changed(&'static str, Object),
    Bookmark(Revision),
    Ended(u16),
}

/// What happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerChange {
    Started,
    Ended(i32),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time, self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { revision, key, value: Some(value) } => write!(f, "commit {revision} {key} {}", String::from_utf8_lossy(value)),
            Self::Commit { revision, key, value: None } => write!(f, "commit {revision} {key} deleted"),
            Self::Recovered(found) => write!(f, "recovered {} objects at {}", found.entries.len(), found.revision),
            Self::Asked { id, request } => write!(f, "ask {id} {request}"),
            Self::Answered { id, request, outcome } => write!(f, "answer {id} {request}: {outcome}"),
            Self::Delivered { id, request, delivery } => write!(f, "watch {id} {request}: {delivery}"),
            Self::Deed { number, what } => write!(f, "deed {number} {what}"),
            Self::Refused { number, what } => write!(f, "deed {number} {what}"),
            Self::Process { what } => write!(f, "process {what}"),
            Self::Container { node, pod_uid, name, id, what } => write!(f, "container {node} {pod_uid} {name} {id} {what}"),
            Self::Panicked { actor, message, location } => write!(f, "panic {actor} {message} at {location}"),
        }
    }
}

impl Request {
    /// Where an object that it is answered with stands in the store.
    pub fn key_of(&self, object: &Object) -> Key {
        let path = match object.namespace() {
            "" => object.name().to_owned(),
            namespace => format!("{namespace}/{}", object.name()),
        };
        Key::new(self.collection.clone(), path)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, verb, collection, path, subresource, revision, .. } = self;
        write!(f, "{user} {verb} {collection}/{path}")?;
        if !subresource.is_empty() {
            write!(f, " {subresource}")?;
        }
        if revision.is_empty() { Ok(()) } else { write!(f, " @{revision}") }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{} at {}", object.name(), object.revision()),
            Self::List { revision, items } => write!(f, "{} at {revision}", items.len()),
            Self::Other => f.write_str("ok"),
            Self::Refused(code) => write!(f, "refused with {code}"),
            Self::Lost => f.write_str("lost"),
        }
    }
}

impl fmt::Display for ContainerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Ended(code) => write!(f, "ended with {code}"),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(how, object) => write!(f, "{how} {}/{} at {}", object.namespace(), object.name(), object.revision()),
            Self::Bookmark(revision) => write!(f, "bookmark {revision}"),
            Self::Ended(code) => write!(f, "ended with {code}"),
        }
    }
}

/// Whoever judges what happens, at the moment it does.
pub trait Witness: Send {
    fn see(&mut self, entry: &Entry);
}

/// The log of a run. Clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Book>>);

struct Book {
    hash: Sha256,
    count: u64,
    /// `None` if only the digest is wanted.
    entries: Option<Vec<Entry>>,
    witnesses: Vec<Box<dyn Witness>>,
    line: String,
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Journal {
    /// One that keeps its entries, or only counts and digests them.
    pub fn new(keeps: bool) -> Self {
        let entries = keeps.then(Vec::new);
        Self(Arc::new(Mutex::new(Book { hash: Sha256::new(), count: 0, entries, witnesses: Vec::new(), line: String::new() })))
    }

    /// From now on this sees every entry, after those that were called before.
    pub fn call(&self, witness: Box<dyn Witness>) {
        self.0.lock().witnesses.push(witness);
    }

    /// Everything so far, oldest first; nothing if nothing is kept.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().entries.clone().unwrap_or_default()
    }

    /// How much has happened.
    pub fn count(&self) -> u64 {
        self.0.lock().count
    }

    /// SHA-256 over all entries, in hexadecimal: the same for two runs only if they are the same event for event and byte for byte.
    pub fn digest(&self) -> String {
        self.0.lock().hash.clone().finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all that is written");
            hex
        })
    }

    /// The first place at which two runs that were kept differ: its number, and what stands there in each.
    pub fn difference(&self, other: &Self) -> Option<(usize, String, String)> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return None;
        }
        let text = |entry: Option<&Entry>| entry.map_or_else(|| "nothing".to_owned(), Entry::to_string);
        let (one, other) = (self.entries(), other.entries());
        (0..one.len().max(other.len())).map(|at| (at, text(one.get(at)), text(other.get(at)))).find(|(_, one, other)| one != other)
    }

    /// Writes down what happens now.
    pub(super) fn write(&self, event: Event) {
        let entry = Entry { time: clock::reference(), event };
        let book = &mut *self.0.lock();
        book.line.clear();
        writeln!(book.line, "{entry}").expect("a string takes all that is written");
        book.hash.update(&book.line);
        book.count += 1;
        book.witnesses.iter_mut().for_each(|witness| witness.see(&entry));
        if let Some(entries) = &mut book.entries {
            entries.push(entry);
        }
    }

    /// Writes down a batch that has become durable.
    pub(super) fn durable(&self, records: &[Record]) {
        for Record { key, revision, value } in records {
            self.write(Event::Commit { revision: *revision, key: key.clone(), value: value.clone() });
        }
    }
}

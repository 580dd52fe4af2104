//! The files of a recording: the one that is written to, and the one before it. When the one is as long as it may be, it takes the other's
//! place, and a new one begins with how things stand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::picture::Picture;
use super::reader::{FORMAT, Recording, RecordingError, previous};
use super::record::{Entry, Head, ObjectRecord, Record};
use super::{Item, Options, frame};
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{self, Key, Revision};

/// What is gathered before it is written.
const GATHERED: usize = 1 << 18;

pub(super) struct Tape {
    options: Options,
    head: Head,
    picture: Picture,
    /// `None` once it could not be written to.
    file: Option<File>,
    /// Bytes in the file, with those that are gathered.
    length: u64,
    gathered: Vec<u8>,
    /// This is not the first record.
    has_objects: bool,
}

impl Tape {
    /// Opens a new recording, or goes on with one: then what a crash has left of its last record is cut off.
    pub fn open(options: Options) -> Result<Self, RecordingError> {
        if fs::metadata(&options.file).is_ok_and(|file| file.len() > 0) {
            return Self::go_on(options);
        }
        let head = Head {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            recording: Entropy::from_system().suffix(16),
            cluster: options.cluster.clone(),
            segment: 0,
            secrets: options.secrets,
        };
        let file = create(&options.file).map_err(|error| RecordingError::io(&options.file, &error))?;
        let (picture, gathered) = (Picture::default(), Vec::new());
        let mut tape = Self { options, head, picture, file: Some(file), length: 0, gathered, has_objects: false };
        tape.put(&tape.head.clone());
        Ok(tape)
    }

    fn go_on(options: Options) -> Result<Self, RecordingError> {
        let path = options.file.clone();
        let (recording, sound) = Recording::read_sound(&path)?;
        let head = recording.head;
        if head.cluster != options.cluster {
            return Err(RecordingError::other_cluster(&path, &head.cluster));
        }
        if head.secrets != options.secrets {
            return Err(RecordingError::other_secrets(&path, head.secrets));
        }
        let mut picture = Picture::default();
        recording.entries.iter().for_each(|entry| picture.see(&entry.record));
        let file = OpenOptions::new().append(true).open(&path).map_err(|error| RecordingError::io(&path, &error))?;
        file.set_len(sound).map_err(|error| RecordingError::io(&path, &error))?;
        Ok(Self { options, head, picture, file: Some(file), length: sound, gathered: Vec::new(), has_objects: true })
    }

    pub fn take(&mut self, item: Item) {
        match item {
            Item::Entry(entry) => {
                self.picture.see(&entry.record);
                self.put(&*entry);
            }
            Item::Commits(at, records) => {
                for store::Record { key, revision, value } in records {
                    self.commit(at, key, revision, value);
                }
            }
            Item::Recovered(at, entries) => self.recovered(at, entries),
            Item::Close => {}
        }
        if self.length > self.options.limit / 2 {
            self.turn_over();
        }
    }

    /// Says that records found no place in the queue.
    pub fn lost(&mut self, records: u64) {
        if records > 0 {
            tracing::error!(
                records,
                "the recording has lost records: the disk is too slow for it; what follows cannot be replayed faithfully"
            );
            self.put(&Entry { at: clock::now(), record: Record::Lost { records } });
        }
    }

    fn commit(&mut self, at: Timestamp, key: Key, revision: Revision, value: Option<Bytes>) {
        let value = value.map(|bytes| self.kept(&key, bytes));
        let record = object(&key, revision, value.as_ref());
        match value {
            Some(bytes) => drop(self.picture.objects.insert(key, (revision, bytes))),
            None => drop(self.picture.objects.remove(&key)),
        }
        self.has_objects = true;
        self.put(&Entry { at, record: Record::Commit(record) });
    }

    /// An object as it may be recorded.
    fn kept(&self, key: &Key, bytes: Bytes) -> Bytes {
        (self.options.redact)(&key.collection, &bytes).map_or(bytes, Bytes::from)
    }

    /// What the store holds: at first how things stood before, and later, after a crash, what was written and not recorded any more.
    fn recovered(&mut self, at: Timestamp, entries: Vec<(Key, Revision, Bytes)>) {
        if !self.has_objects {
            for (key, revision, bytes) in entries {
                let bytes = self.kept(&key, bytes);
                self.put(&Entry { at, record: Record::Object(object(&key, revision, Some(&bytes))) });
                self.picture.objects.insert(key, (revision, bytes));
            }
            self.has_objects = true;
            return;
        }
        let mut gone = std::mem::take(&mut self.picture.objects);
        for (key, revision, bytes) in entries {
            match gone.remove(&key) {
                Some((known, bytes)) if known == revision => drop(self.picture.objects.insert(key, (known, bytes))),
                _ => self.commit(at, key, revision, Some(bytes)),
            }
        }
        for (key, (revision, _)) in gone {
            self.commit(at, key, revision, None);
        }
    }

    fn put(&mut self, record: &impl Serialize) {
        let before = self.gathered.len();
        if let Err(error) = frame::append(record, &mut self.gathered) {
            tracing::error!(%error, "a record cannot be written down");
        }
        self.length += (self.gathered.len() - before) as u64;
        if self.gathered.len() > GATHERED {
            self.flush();
        }
    }

    /// Writes what is gathered: whole records, so that a process that is killed leaves whole records.
    pub fn flush(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(&self.gathered)
        {
            tracing::error!("{}: {error}: the recording ends here", self.options.file.display());
            self.file = None;
        }
        self.gathered.clear();
    }

    /// Begins a new file, and lets the one before the last go.
    fn turn_over(&mut self) {
        self.flush();
        let path = self.options.file.clone();
        let dropped = self.head.segment > 0;
        self.head.segment += 1;
        match fs::rename(&path, previous(&path)).and_then(|()| create(&path)) {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                tracing::error!("{}: {error}: the recording ends here", path.display());
                self.file = None;
            }
        }
        let at = clock::now();
        let what = if dropped { "its oldest part was dropped" } else { "its first half is full" };
        tracing::warn!("{}: {what}; a new part begins at {at}", path.display());
        self.length = 0;
        self.put(&self.head.clone());
        let objects: Vec<Record> =
            self.picture.objects.iter().map(|(key, (revision, bytes))| Record::Object(object(key, *revision, Some(bytes)))).collect();
        objects.into_iter().for_each(|record| self.put(&Entry { at, record }));
        self.picture.entries(at).iter().for_each(|entry| self.put(entry));
        // A picture that is larger than the limit must not turn over again at once.
        self.options.limit = self.options.limit.max(self.length * 4);
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // It may hold what nobody else should read.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create(true).truncate(true).open(path)
}

fn object(key: &Key, revision: Revision, value: Option<&Bytes>) -> ObjectRecord {
    let raw = |bytes: &Bytes| RawValue::from_string(String::from_utf8_lossy(bytes).into_owned()).ok();
    ObjectRecord { collection: key.collection.to_string(), path: key.path.to_string(), revision: revision.0, value: value.and_then(raw) }
}

//! The engine of a single machine: one redb file, one transaction and one fsync for each append.
//!
//! Every value carries a checksum of its own, so that a flipped bit is found when it is read and never served.
//!
//! redb cannot look at a file without repairing it. So a file is first opened and read whole by a [`Rehearsal`], which keeps what redb
//! would write in memory; only a file that is sound is then opened for good. A damaged one stays as it is, for whoever can save it. What
//! the rehearsal read is what the first recovery answers: a start reads the file once.
//!
//! All that is written passes a `redb::StorageBackend`: a file here, and in simulations a block device that loses what it may lose.

mod rehearsal;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use rehearsal::Rehearsal;

use super::{Engine, EngineError, Key, Record, Recovered, Revision};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::supervision::panics;

/// From `collection`, a zero byte and the path, to a checksum, a revision and the value.
const OBJECTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// The layout that this file describes. A file of another format is refused, never guessed at.
const FORMAT_NUMBER: u64 = 1;
/// Of redb's pages kept in memory: the disk serves recovery only, so it needs little.
const CACHE_BYTES: usize = 4 << 20;

/// Opens what is there already, as often as it takes.
type Opener = Box<dyn Fn() -> Result<Database, EngineError> + Send + Sync>;

/// A data directory's store. Holds the directory's lock for as long as it lives.
pub struct Embedded {
    /// What its errors name.
    file: PathBuf,
    opener: Opener,
    /// `None` after a failure that even opening the file again did not heal.
    database: Mutex<Option<Database>>,
    /// What the file held when it was opened, until it is asked for or written to.
    rehearsed: Mutex<Option<Recovered>>,
    _lock: Option<Flock<File>>,
}

/// Nobody else has the directory while this lives.
pub struct DirectoryLock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl Embedded {
    /// Opens or creates the store in a directory, which must exist.
    ///
    /// # Errors
    /// [`EngineError::InUse`] with the holder's process id, [`EngineError::Damaged`] or [`EngineError::Unreadable`] with the file.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let lock = lock(&directory.join("lock"))?;
        let file = directory.join("store.redb");
        let rehearsed = if fs::exists(&file).map_err(|error| unreadable(&file, error))? {
            Some(contained(&file, || rehearse(&file))?)
        } else {
            contained(&file, || create(directory, &file))?;
            None
        };
        let path = file.clone();
        let opener: Opener = Box::new(move || contained(&path, || checked(builder().open(&path), &path)));
        let database = Mutex::new(Some(opener()?));
        Ok(Self { file, opener, database, rehearsed: Mutex::new(rehearsed), _lock: Some(lock) })
    }

    /// Opens the store on a storage that was [formatted](Self::format). `attach` is called for each opening; `name` is what errors say.
    ///
    /// # Errors
    /// [`EngineError::Damaged`] or [`EngineError::Unreadable`] with the name.
    pub fn over<B: StorageBackend>(name: &str, attach: impl Fn() -> B + Send + Sync + 'static) -> Result<Self, EngineError> {
        let file = PathBuf::from(name);
        let path = file.clone();
        let opener: Opener = Box::new(move || contained(&path, || checked(builder().create_with_backend(attach()), &path)));
        let database = Mutex::new(Some(opener()?));
        Ok(Self { file, opener, database, rehearsed: Mutex::new(None), _lock: None })
    }

    /// Lays an empty store on an empty storage.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`] with the name.
    pub fn format(name: &str, storage: impl StorageBackend) -> Result<(), EngineError> {
        let file = Path::new(name);
        let database = builder().create_with_backend(storage).map_err(|error| refused(file, error))?;
        initialise(&database).map_err(|error| unreadable(file, error))
    }

    /// Takes a directory without opening what is in it, for as long as the answer lives.
    ///
    /// # Errors
    /// [`EngineError::InUse`] with the holder's process id.
    pub fn lock_directory(directory: &Path) -> Result<DirectoryLock, EngineError> {
        lock(&directory.join("lock")).map(DirectoryLock)
    }

    fn damaged(&self, what: impl ToString) -> EngineError {
        damaged(&self.file, what)
    }

    /// Looks into the open file.
    fn look<T>(&self, at: impl FnOnce(&Database) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let guard = self.database.lock();
        let database = guard.as_ref().ok_or_else(|| self.damaged("it could not be opened again after a failure"))?;
        contained(&self.file, || at(database))
    }

    fn read(&self) -> Result<Recovered, EngineError> {
        self.look(|database| read(database, &self.file))
    }

    fn write(&self, head: Revision, records: &[Record]) -> Result<(), EngineError> {
        self.rehearsed.lock().take();
        let mut guard = self.database.lock();
        let database = guard.as_ref().ok_or_else(|| EngineError::InDoubt("the store's file could not be opened again".into()))?;
        let Err(error) = transact(database, head, records) else { return Ok(()) };
        // redb takes nothing more after a failure until the file is opened anew; what is then there tells the batch's fate.
        let before = records.iter().map(|record| record.revision).min();
        drop(guard.take());
        let database = (self.opener)().map_err(|again| EngineError::InDoubt(format!("{error}; and then {again}")))?;
        let durable = revision(&database).map_err(|again| EngineError::InDoubt(format!("{error}; and then {again}")))?;
        *guard = Some(database);
        match durable < before.unwrap_or(head) {
            true => Err(EngineError::Refused(error.to_string())),
            false => Err(EngineError::InDoubt(error.to_string())),
        }
    }
}

fn transact(database: &Database, head: Revision, records: &[Record]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    if planted(Flaw::SkipsFsync) {
        transaction.set_durability(redb::Durability::None)?;
    }
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        for Record { key, revision, value } in records {
            let key = encode_key(key);
            match value {
                Some(bytes) => objects.insert(key.as_slice(), seal(*revision, bytes).as_slice())?,
                None => objects.remove(key.as_slice())?,
            };
        }
        transaction.open_table(META)?.insert(REVISION, head.0)?;
    }
    transaction.commit()?;
    Ok(())
}

impl Engine for Embedded {
    fn append(&self, head: Revision, records: Vec<Record>) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move { self.write(head, &records) })
    }

    /// For the fsync.
    fn blocks(&self) -> bool {
        true
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        match self.rehearsed.lock().take() {
            Some(rehearsed) => Ok(rehearsed),
            None => self.read(),
        }
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        self.look(|database| revision(database).map_err(|error| self.damaged(error)))
    }

    fn compact(&self) -> Result<(), EngineError> {
        let mut guard = self.database.lock();
        let database = guard.as_mut().ok_or_else(|| self.damaged("it could not be opened again after a failure"))?;
        database.compact().map(drop).map_err(|error| EngineError::Refused(error.to_string()))
    }

    fn check(&self) -> Result<(), EngineError> {
        let mut guard = self.database.lock();
        let database = guard.as_mut().ok_or_else(|| self.damaged("it could not be opened again after a failure"))?;
        match database.check_integrity() {
            Ok(true) => {}
            Ok(false) => return Err(self.damaged("its pages do not match their checksums")),
            Err(error) => return Err(self.damaged(error)),
        }
        drop(guard);
        self.read().map(drop)
    }
}

/// redb panics on pages that it takes for sound and that make no sense.
fn contained<T>(file: &Path, work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    panics::contain(work).unwrap_or_else(|caught| {
        let what = format!("its pages make no sense ({} at {})", caught.message, caught.location);
        Err(EngineError::Damaged { file: file.into(), what })
    })
}

fn damaged(file: &Path, what: impl ToString) -> EngineError {
    EngineError::Damaged { file: file.into(), what: what.to_string() }
}

fn unreadable(file: &Path, error: impl ToString) -> EngineError {
    EngineError::Unreadable { file: file.into(), what: error.to_string() }
}

/// Everything that is in a store, each value checked.
fn read(database: &Database, file: &Path) -> Result<Recovered, EngineError> {
    let damaged = |error: &dyn ToString| damaged(file, error.to_string());
    let transaction = database.begin_read().map_err(|error| damaged(&error))?;
    let objects = transaction.open_table(OBJECTS).map_err(|error| damaged(&error))?;
    let mut recovered = Recovered { revision: revision(database).map_err(|error| damaged(&error))?, entries: Vec::new() };
    for entry in objects.iter().map_err(|error| damaged(&error))? {
        let (key, value) = entry.map_err(|error| damaged(&error))?;
        let key = decode_key(key.value()).ok_or_else(|| damaged(&"a key is not text"))?;
        let (revision, bytes) = unseal(value.value()).ok_or_else(|| damaged(&format!("the checksum of {key} is wrong")))?;
        recovered.entries.push((key, revision, bytes));
    }
    Ok(recovered)
}

/// What is in a file if it is sound, which it does not touch.
fn rehearse(file: &Path) -> Result<Recovered, EngineError> {
    let rehearsal = Rehearsal::of(file).map_err(|error| unreadable(file, error))?;
    if fs::metadata(file).map_err(|error| unreadable(file, error))?.len() == 0 {
        return Err(damaged(file, "it is empty"));
    }
    let database = builder().create_with_backend(rehearsal).map_err(|error| refused(file, error))?;
    check_format(&database, file)?;
    read(&database, file)
}

/// Makes an empty store under another name, and gives it its own when it is whole on the disk: no crash leaves half of one behind.
fn create(directory: &Path, file: &Path) -> Result<(), EngineError> {
    let draft = directory.join("store.redb.new");
    let failed = |error: std::io::Error| unreadable(&draft, error);
    // One that is there already was never a store: its maker did not come to the last step.
    let fresh = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&draft).map_err(failed)?;
    fresh.sync_all().map_err(failed)?;
    let database = builder().create(&draft).map_err(|error| refused(&draft, error))?;
    initialise(&database).map_err(|error| unreadable(&draft, error))?;
    drop(database);
    fresh.sync_all().map_err(failed)?;
    fs::rename(&draft, file).map_err(failed)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// What was opened, if it is of the format that this describes.
fn checked(opened: Result<Database, redb::DatabaseError>, file: &Path) -> Result<Database, EngineError> {
    let database = opened.map_err(|error| refused(file, error))?;
    check_format(&database, file).map(|()| database)
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn refused(file: &Path, error: redb::DatabaseError) -> EngineError {
    match error {
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) if !is_about_contents(&error) => unreadable(file, error),
        error => damaged(file, error),
    }
}

/// The disk did its part, and what came from it makes no sense.
fn is_about_contents(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}

fn check_format(database: &Database, file: &Path) -> Result<(), EngineError> {
    match meta(database, FORMAT).map_err(|error| damaged(file, error))? {
        Some(FORMAT_NUMBER) => Ok(()),
        Some(other) => {
            let what = format!("its format is {other}, and this program reads format {FORMAT_NUMBER}: use the program that wrote it");
            Err(unreadable(file, what))
        }
        None => Err(damaged(file, "it does not say which format it has")),
    }
}

/// Creates the tables.
fn initialise(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(OBJECTS)?;
    transaction.open_table(META)?.insert(FORMAT, FORMAT_NUMBER)?;
    transaction.commit()?;
    Ok(())
}

fn meta(database: &Database, name: &str) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(name)?.map(|value| value.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn revision(database: &Database) -> Result<Revision, redb::Error> {
    Ok(Revision(meta(database, REVISION)?.unwrap_or(0)))
}

/// Takes the directory for this process, or says who has it.
fn lock(path: &Path) -> Result<Flock<File>, EngineError> {
    let unreadable = |error: std::io::Error| EngineError::Unreadable { file: path.into(), what: error.to_string() };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unreadable)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0).and_then(|()| lock.rewind()).map_err(unreadable)?;
            write!(lock, "{}", std::process::id()).map_err(unreadable)?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(unreadable)?;
            let file = path.parent().map_or_else(|| path.to_owned(), Path::to_owned);
            Err(EngineError::InUse { file, holder })
        }
        Err((_, errno)) => Err(unreadable(errno.into())),
    }
}

fn encode_key(key: &Key) -> Vec<u8> {
    [key.collection.as_bytes(), b"\0", key.path.as_bytes()].concat()
}

fn decode_key(bytes: &[u8]) -> Option<Key> {
    let (collection, path) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
    Some(Key::new(collection, path))
}

fn seal(revision: Revision, bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(bytes.len() + 12);
    sealed.extend_from_slice(&[0; 4]);
    sealed.extend_from_slice(&revision.0.to_le_bytes());
    sealed.extend_from_slice(bytes);
    let checksum = crc32fast::hash(&sealed[4..]);
    sealed[..4].copy_from_slice(&checksum.to_le_bytes());
    sealed
}

fn unseal(sealed: &[u8]) -> Option<(Revision, Bytes)> {
    let (checksum, rest) = sealed.split_first_chunk::<4>()?;
    let (revision, bytes) = rest.split_first_chunk::<8>()?;
    (u32::from_le_bytes(*checksum) == crc32fast::hash(rest))
        .then(|| (Revision(u64::from_le_bytes(*revision)), Bytes::copy_from_slice(bytes)))
}

/// Creates a data directory that only its owner can read; one that exists is made so.
pub fn create_directory(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

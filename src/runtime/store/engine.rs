//! What a store keeps its batches in: five verbs, so that the engine can be changed, or simulated with every fault a disk has.

use std::path::PathBuf;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{Key, Revision};

/// One key of a batch, as it shall stand from a revision on.
#[derive(Clone, Debug)]
pub struct Record {
    pub key: Key,
    pub revision: Revision,
    /// `None` is a deletion.
    pub value: Option<Bytes>,
}

/// Everything that an engine holds.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The newest revision ever made durable; it may be that of a deletion.
    pub revision: Revision,
    pub entries: Vec<(Key, Revision, Bytes)>,
}

/// What went wrong in an engine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing was written; the next batch may succeed (a full disk, for example).
    #[error("{0}")]
    Refused(String),
    /// The batch may or may not be durable, and nothing read back can prove it: the engine must not be written to any more.
    #[error("{0}")]
    InDoubt(String),
    /// The file does not hold what was written to it.
    #[error("{} is damaged: {what}. Nothing was changed. Restore a backup, or move the file away to start with an empty cluster", file.display())]
    Damaged { file: PathBuf, what: String },
    /// Somebody else has it open.
    #[error("{} is in use by process {holder}: stop that process, or choose another data directory", file.display())]
    InUse { file: PathBuf, holder: String },
    /// It cannot be opened at all.
    #[error("cannot open {}: {what}", file.display())]
    Unreadable { file: PathBuf, what: String },
}

/// A place for batches.
pub trait Engine: Send + Sync + 'static {
    /// Writes a batch whose newest revision is `head`, whole or not at all; resolves when it is durable.
    fn append(&self, head: Revision, records: Vec<Record>) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Whether [`Engine::append`] blocks its thread, so that the writer needs one of its own.
    fn blocks(&self) -> bool {
        false
    }

    /// The newest durable revision and all that is there.
    fn recover(&self) -> Result<Recovered, EngineError>;

    /// The newest durable revision alone, at the price of one key.
    fn revision(&self) -> Result<Revision, EngineError>;

    /// Gives space that is no longer needed back to the disk.
    fn compact(&self) -> Result<(), EngineError>;

    /// Reads every byte and says what is wrong.
    fn check(&self) -> Result<(), EngineError>;
}

/// Keeps nothing: what is written lives as long as the process. For tests, simulations and `--store memory`.
#[derive(Debug, Default)]
pub struct Volatile;

impl Engine for Volatile {
    fn append(&self, _head: Revision, _records: Vec<Record>) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async { Ok(()) })
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        Ok(Recovered::default())
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        Ok(Revision(0))
    }

    fn compact(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn check(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

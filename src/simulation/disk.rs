//! The disk under a cluster's store: it outlives the process that writes to it, and can be slow, full or doubtful.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::journal::Journal;
use crate::runtime::store::{Engine, EngineError, Key, Record, Recovered, Revision};

/// How a disk behaves now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition {
    /// What a batch takes. Half of it goes by before the batch is durable and half before that is told, so a crash can fall on either side.
    pub latency: Duration,
    /// Every batch is refused.
    pub is_full: bool,
    /// The next batch is written, and then its fsync fails: nobody can tell whether it is durable.
    pub is_doubtful: bool,
}

/// A disk of one machine. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

struct Platter {
    entries: BTreeMap<Key, (Revision, Bytes)>,
    revision: Revision,
    condition: Condition,
    journal: Journal,
}

impl Disk {
    /// An empty one. What becomes durable on it is written into the journal.
    pub fn new(journal: Journal) -> Self {
        Self(Arc::new(Mutex::new(Platter { entries: BTreeMap::new(), revision: Revision(0), condition: Condition::default(), journal })))
    }

    pub fn set(&self, condition: Condition) {
        self.0.lock().condition = condition;
    }

    pub fn condition(&self) -> Condition {
        self.0.lock().condition
    }

    fn write(&self, head: Revision, records: Vec<Record>) -> Result<(), EngineError> {
        let mut platter = self.0.lock();
        if platter.condition.is_full {
            return Err(EngineError::Refused("no space left on device".into()));
        }
        platter.journal.durable(head, &records);
        for Record { key, value } in records {
            match value {
                Some(value) => drop(platter.entries.insert(key, value)),
                None => drop(platter.entries.remove(&key)),
            }
        }
        platter.revision = head;
        if std::mem::take(&mut platter.condition.is_doubtful) {
            return Err(EngineError::InDoubt("fsync: input/output error".into()));
        }
        Ok(())
    }
}

impl Engine for Disk {
    fn append(&self, head: Revision, records: Vec<Record>) -> BoxFuture<'_, Result<(), EngineError>> {
        async move {
            let half = self.condition().latency / 2;
            if half.is_zero() {
                return self.write(head, records);
            }
            tokio::time::sleep(half).await;
            self.write(head, records)?;
            tokio::time::sleep(half).await;
            Ok(())
        }
        .boxed()
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        let platter = self.0.lock();
        let entries = platter.entries.iter().map(|(key, (revision, bytes))| (key.clone(), *revision, bytes.clone())).collect();
        Ok(Recovered { revision: platter.revision, entries })
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        Ok(self.0.lock().revision)
    }

    fn compact(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn check(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

//! A store's engine without the engine: whole batches, each durable at one moment.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Condition;
use crate::runtime::store::{EngineError, Key, Record, Recovered, Revision};
use crate::simulation::journal::Journal;

/// A disk that keeps batches.
pub struct Batches {
    entries: BTreeMap<Key, (Revision, Bytes)>,
    revision: Revision,
    journal: Journal,
}

impl Batches {
    /// An empty one.
    pub fn new(journal: Journal) -> Self {
        Self { entries: BTreeMap::new(), revision: Revision(0), journal }
    }

    pub fn write(&mut self, head: Revision, records: Vec<Record>, now: &mut Condition) -> Result<(), EngineError> {
        if now.is_full {
            return Err(EngineError::Refused("no space left on device".into()));
        }
        self.journal.durable(&records);
        for Record { key, revision, value } in records {
            match value {
                Some(value) => drop(self.entries.insert(key, (revision, value))),
                None => drop(self.entries.remove(&key)),
            }
        }
        self.revision = head;
        if std::mem::take(&mut now.is_doubtful) {
            return Err(EngineError::InDoubt("fsync: input/output error".into()));
        }
        Ok(())
    }

    pub fn recover(&self) -> Recovered {
        let entries = self.entries.iter().map(|(key, (revision, bytes))| (key.clone(), *revision, bytes.clone())).collect();
        Recovered { revision: self.revision, entries }
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }
}

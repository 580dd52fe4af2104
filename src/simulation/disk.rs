//! The disk under a cluster's store: it outlives the process that writes to it, and can be slow, full or doubtful.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::alarm::Alarm;
use super::journal::Journal;
use super::network::Side;
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
pub struct Disk {
    platter: Arc<Mutex<Platter>>,
    alarm: Alarm,
}

struct Platter {
    trap: Option<(u32, Side)>,
    entries: BTreeMap<Key, (Revision, Bytes)>,
    revision: Revision,
    condition: Condition,
    journal: Journal,
}

impl Disk {
    /// An empty one. What becomes durable on it is written into the journal; where its trap springs, the alarm rings.
    pub fn new(journal: Journal, alarm: Alarm) -> Self {
        let (entries, condition) = (BTreeMap::new(), Condition::default());
        let platter = Platter { trap: None, entries, revision: Revision(0), condition, journal };
        Self { platter: Arc::new(Mutex::new(platter)), alarm }
    }

    /// What is on it from the beginning.
    pub(super) fn lay(&self, records: &[Record]) {
        let mut platter = self.platter.lock();
        platter.journal.durable(records);
        for Record { key, revision, value } in records {
            if let Some(value) = value {
                platter.entries.insert(key.clone(), (*revision, value.clone()));
            }
            platter.revision = platter.revision.max(*revision);
        }
    }

    /// All that is on it is gone, as what stands in memory goes with its process.
    pub(super) fn forget(&self) {
        let mut platter = self.platter.lock();
        let revision = platter.revision;
        let gone: Vec<Record> =
            std::mem::take(&mut platter.entries).into_keys().map(|key| Record { key, revision: revision.next(), value: None }).collect();
        platter.journal.durable(&gone);
        platter.revision = revision.next();
    }

    pub fn set(&self, condition: Condition) {
        self.platter.lock().condition = condition;
    }

    pub fn condition(&self) -> Condition {
        self.platter.lock().condition
    }

    /// Lets the process be killed at the batch after `nth` others, before or after it is durable. It happens once.
    pub fn set_trap(&self, nth: u32, side: Side) {
        self.platter.lock().trap = Some((nth, side));
    }

    pub fn forget_trap(&self) {
        self.platter.lock().trap = None;
    }

    /// Does not return if the trap springs here.
    async fn killed_at(&self, side: Side) {
        let springs = {
            let mut platter = self.platter.lock();
            match &mut platter.trap {
                Some((0, at)) if *at == side => platter.trap.take().is_some(),
                // A batch counts once.
                Some((nth, _)) if *nth > 0 && side == Side::After => {
                    *nth -= 1;
                    false
                }
                _ => false,
            }
        };
        if springs {
            self.alarm.ring("was killed at a write");
            std::future::pending::<()>().await;
        }
    }

    fn write(&self, head: Revision, records: Vec<Record>) -> Result<(), EngineError> {
        let mut platter = self.platter.lock();
        if platter.condition.is_full {
            return Err(EngineError::Refused("no space left on device".into()));
        }
        platter.journal.durable(&records);
        for Record { key, revision, value } in records {
            match value {
                Some(value) => drop(platter.entries.insert(key, (revision, value))),
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
            if !half.is_zero() {
                tokio::time::sleep(half).await;
            }
            self.killed_at(Side::Before).await;
            self.write(head, records)?;
            self.killed_at(Side::After).await;
            if !half.is_zero() {
                tokio::time::sleep(half).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        let platter = self.platter.lock();
        let entries = platter.entries.iter().map(|(key, (revision, bytes))| (key.clone(), *revision, bytes.clone())).collect();
        Ok(Recovered { revision: platter.revision, entries })
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        Ok(self.platter.lock().revision)
    }

    fn compact(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn check(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

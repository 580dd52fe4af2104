//! The disk under a cluster's store: it outlives the process that writes to it, and can be slow, full or doubtful, and lose its power.
//!
//! There are two: [`Batches`] takes the engine's place, and [`Blocks`] bears the engine of `kabuki up` on a device of sectors.

mod batches;
mod blocks;
mod device;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::batches::Batches;
use self::blocks::Blocks;
use self::device::{Cut, Fuse};
use super::alarm::Alarm;
use super::journal::Journal;
use super::network::Side;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{Engine, EngineError, Record, Recovered, Revision};

/// At most so many writes of a batch come before the one at which a process is cut off. An ordinary batch has fewer.
const WRITES: u32 = 16;

/// How finely a disk is simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// It keeps whole batches, and a loss of power loses none: the fastest
    #[default]
    Batches,
    /// It keeps sectors, which the engine of `kabuki up` reads and writes: a loss of power tears and loses what no fsync had confirmed
    Blocks,
}

/// How a disk behaves now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition {
    /// What a batch takes. Half of it goes by before the batch is durable and half before that is told, so a crash can fall on either side.
    pub latency: Duration,
    /// Every batch is refused; of blocks, every batch that needs more of the disk than the store has already.
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
    /// What is to cut the process off in the midst of a batch.
    fuse: Option<Fuse>,
    condition: Condition,
    medium: Medium,
    chance: Entropy,
    losses: u32,
}

enum Medium {
    Batches(Batches),
    Blocks(Blocks),
}

/// How a batch ended for the process that wrote it.
enum Written {
    Told(Result<(), EngineError>),
    /// The process was cut off meanwhile. The reason completes "the process …".
    CutOff(&'static str),
}

impl Cut {
    /// Completes "the process …".
    fn reason(&self) -> &'static str {
        match self {
            Self::Power(_) => "lost its power",
            Self::Kill => "was killed at a write",
        }
    }
}

impl Disk {
    /// An empty one. What becomes durable on it is written into the journal; where its trap springs, the alarm rings.
    pub fn new(grain: Grain, journal: Journal, alarm: Alarm, chance: Entropy) -> Self {
        let medium = match grain {
            Grain::Batches => Medium::Batches(Batches::new(journal)),
            Grain::Blocks => Medium::Blocks(Blocks::new(journal)),
        };
        let platter = Platter { trap: None, fuse: None, condition: Condition::default(), medium, chance, losses: 0 };
        Self { platter: Arc::new(Mutex::new(platter)), alarm }
    }

    /// What is on it from the beginning.
    pub(super) fn lay(&self, records: Vec<Record>) {
        let head = records.iter().map(|record| record.revision).max().unwrap_or_default();
        let laid = self.platter.lock().medium.write(head, records, &mut Condition::default(), &mut None);
        assert!(matches!(laid, Written::Told(Ok(()))), "a new disk takes what is written to it");
    }

    /// All that is on it is gone, as what stands in memory goes with its process.
    pub(super) fn forget(&self) {
        let mut platter = self.platter.lock();
        let Ok(Recovered { revision, entries }) = platter.medium.recover() else { return };
        let head = revision.next();
        let gone = entries.into_iter().map(|(key, ..)| Record { key, revision: head, value: None }).collect();
        platter.medium.write(head, gone, &mut Condition::default(), &mut None);
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
        let mut platter = self.platter.lock();
        (platter.trap, platter.fuse) = (None, None);
    }

    /// Lets the power go in the midst of the next batch, or when the process ends before.
    pub(super) fn doom(&self) {
        let platter = &mut *self.platter.lock();
        platter.losses += 1;
        let chance = Box::new(platter.chance.split(&format!("loss {}", platter.losses)));
        platter.fuse = Some(Fuse { after: platter.chance.rng().random_range(0..WRITES), cut: Cut::Power(chance) });
    }

    /// Whether the power is still to go.
    pub(super) fn is_doomed(&self) -> bool {
        self.platter.lock().fuse.is_some()
    }

    /// The process has stopped in order.
    pub(super) fn close(&self) {
        if let Medium::Blocks(blocks) = &mut self.platter.lock().medium {
            blocks.close();
        }
    }

    /// The process has been killed.
    pub(super) fn cut(&self) {
        let platter = &mut *self.platter.lock();
        let cut = platter.fuse.take().map_or(Cut::Kill, |fuse| fuse.cut);
        if let Medium::Blocks(blocks) = &mut platter.medium {
            blocks.cut(cut);
        }
    }

    /// Does not return if the trap springs here.
    async fn killed_at(&self, side: Side) {
        let springs = {
            let platter = &mut *self.platter.lock();
            match &mut platter.trap {
                Some((0, at)) if *at == side => platter.trap.take().is_some() && !platter.lays_fuse(side),
                // A batch counts once.
                Some((nth, _)) if *nth > 0 && side == Side::After => {
                    *nth -= 1;
                    false
                }
                _ => false,
            }
        };
        if springs {
            self.cut_off(Cut::Kill.reason()).await;
        }
    }

    /// Does not return: whoever keeps the process ends it.
    async fn cut_off(&self, why: &'static str) {
        self.alarm.ring(why);
        std::future::pending::<()>().await;
    }

    fn write(&self, head: Revision, records: Vec<Record>) -> Written {
        let Platter { medium, condition, fuse, .. } = &mut *self.platter.lock();
        medium.write(head, records, condition, fuse)
    }
}

impl Platter {
    /// Whether a kill before a batch is durable falls into the midst of its writing.
    fn lays_fuse(&mut self, side: Side) -> bool {
        let is_in_midst = matches!((&self.medium, side), (Medium::Blocks(_), Side::Before));
        if is_in_midst {
            let after = self.chance.rng().random_range(0..WRITES);
            self.fuse.get_or_insert(Fuse { after, cut: Cut::Kill });
        }
        is_in_midst
    }
}

impl Medium {
    fn write(&mut self, head: Revision, records: Vec<Record>, now: &mut Condition, fuse: &mut Option<Fuse>) -> Written {
        match self {
            Self::Batches(batches) => Written::Told(batches.write(head, records, now)),
            Self::Blocks(blocks) => blocks.write(head, records, now, fuse),
        }
    }

    fn recover(&mut self) -> Result<Recovered, EngineError> {
        match self {
            Self::Batches(batches) => Ok(batches.recover()),
            Self::Blocks(blocks) => blocks.recover(),
        }
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
            match self.write(head, records) {
                Written::Told(told) => told?,
                Written::CutOff(why) => self.cut_off(why).await,
            }
            self.killed_at(Side::After).await;
            if !half.is_zero() {
                tokio::time::sleep(half).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn recover(&self) -> Result<Recovered, EngineError> {
        self.platter.lock().medium.recover()
    }

    fn revision(&self) -> Result<Revision, EngineError> {
        match &mut self.platter.lock().medium {
            Medium::Batches(batches) => Ok(batches.revision()),
            Medium::Blocks(blocks) => blocks.revision(),
        }
    }

    fn compact(&self) -> Result<(), EngineError> {
        match &mut self.platter.lock().medium {
            Medium::Batches(_) => Ok(()),
            Medium::Blocks(blocks) => blocks.compact(),
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        match &mut self.platter.lock().medium {
            Medium::Batches(_) => Ok(()),
            Medium::Blocks(blocks) => blocks.check(),
        }
    }
}

//! The store's own engine, over a [`Device`].

use std::sync::Arc;

use futures::FutureExt;

use super::device::{Cut, Device, Fuse, Trouble};
use super::{Condition, Written};
use crate::runtime::store::{Embedded, Engine, EngineError, Record, Recovered, Revision};
use crate::simulation::journal::{Event, Journal};

/// What errors call the device.
const NAME: &str = "the simulated device";

/// A disk that keeps sectors. What reads and writes them is the engine of `kabuki up`.
pub struct Blocks {
    device: Device,
    /// That of the process that runs, once it has asked for something.
    engine: Option<Arc<Embedded>>,
    /// A batch of which nobody knows yet whether it is durable.
    doubtful: Option<(Revision, Vec<Record>)>,
    journal: Journal,
}

impl Blocks {
    /// An empty one.
    pub fn new(journal: Journal) -> Self {
        let device = Device::default();
        Embedded::format(NAME, device.attach()).expect("a new device takes what is written to it");
        Self { device, engine: None, doubtful: None, journal }
    }

    fn engine(&mut self) -> Result<Arc<Embedded>, EngineError> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let attachment = self.device.attach();
        let engine = Arc::new(Embedded::over(NAME, move || attachment.clone())?);
        Ok(self.engine.insert(engine).clone())
    }

    /// Writes a batch. What goes wrong meanwhile is no more to come.
    pub fn write(&mut self, head: Revision, records: Vec<Record>, now: &mut Condition, fuse: &mut Option<Fuse>) -> Written {
        let engine = match self.settled() {
            Ok(engine) => engine,
            Err(error) => return Written::Told(Err(error)),
        };
        let why = fuse.as_ref().map(|fuse| fuse.cut.reason());
        self.device.set(Trouble { is_full: now.is_full, fails_next_sync: now.is_doubtful, fuse: fuse.take() });
        let told = engine.append(head, records.clone()).now_or_never().expect("it blocks, and so it has ended when it returns");
        let left = self.device.set(Trouble::default());
        (now.is_doubtful, *fuse) = (left.fails_next_sync, left.fuse);
        match (why, &told) {
            (Some(why), _) if fuse.is_none() => {
                self.doubtful = Some((head, records));
                return Written::CutOff(why);
            }
            (_, Ok(())) => self.journal.durable(&records),
            (_, Err(EngineError::InDoubt(_))) => self.doubtful = Some((head, records)),
            (_, Err(_)) => {}
        }
        Written::Told(told)
    }

    /// The engine, once it has been found out what became of the batch that was in doubt.
    fn settled(&mut self) -> Result<Arc<Embedded>, EngineError> {
        let engine = self.engine()?;
        if let Some((head, records)) = &self.doubtful {
            if engine.revision()? >= *head {
                self.journal.durable(records);
            }
            self.doubtful = None;
        }
        Ok(engine)
    }

    pub fn recover(&mut self) -> Result<Recovered, EngineError> {
        let recovered = self.settled()?.recover()?;
        self.journal.write(Event::Recovered(Arc::new(recovered.clone())));
        Ok(recovered)
    }

    pub fn revision(&mut self) -> Result<Revision, EngineError> {
        self.settled()?.revision()
    }

    pub fn compact(&mut self) -> Result<(), EngineError> {
        self.settled()?.compact()
    }

    pub fn check(&mut self) -> Result<(), EngineError> {
        self.settled()?.check()
    }

    /// The process has stopped in order.
    pub fn close(&mut self) {
        self.engine = None;
    }

    /// The process has been killed, or the machine has lost its power.
    pub fn cut(&mut self, cut: Cut) {
        match cut {
            Cut::Power(mut chance) => self.device.lose_power(&mut chance),
            Cut::Kill => self.device.detach(),
        }
        self.engine = None;
    }
}

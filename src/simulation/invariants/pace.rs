use super::{Broken, Invariant, Moment};
use crate::runtime::store::Key;
use crate::simulation::journal::Event;

/// So many events a simulated second are no cause for concern, and so many more for each object that there is.
const EVENTS: usize = 20_000;
const EVENTS_PER_OBJECT: usize = 200;

/// Time goes on: nobody does without end what takes no time.
#[derive(Default)]
pub struct Pace {
    second: i64,
    events: usize,
    last: Option<Key>,
}

impl Invariant for Pace {
    fn name(&self) -> &'static str {
        "nobody-spins"
    }

    fn source(&self) -> &'static str {
        "Controllers: a control loop that fails waits before it tries again"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let second = moment.entry.time.as_second();
        if second != self.second {
            (self.second, self.events) = (second, 0);
        }
        self.events += 1;
        if let Event::Commit { key, .. } = &moment.entry.event {
            self.last = Some(key.clone());
        }
        match self.events > EVENTS + EVENTS_PER_OBJECT * moment.scene.objects.len() {
            true => Err(Broken { what: format!("{} events happened within a second", self.events), key: self.last.clone() }),
            false => Ok(()),
        }
    }
}

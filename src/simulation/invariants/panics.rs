use super::{Broken, Invariant, Moment};
use crate::runtime::supervision::{INJECTED, KILLED};
use crate::simulation::journal::Event;

/// No actor panics by itself.
#[derive(Default)]
pub struct Panics;

impl Invariant for Panics {
    fn name(&self) -> &'static str {
        "nothing-panics"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md: an expect states an invariant that holds"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Panicked { actor, message, location } if ![INJECTED, KILLED].contains(&&**message) => {
                Err(Broken::by_itself(format!("{actor} panicked at {location}: {message}")))
            }
            _ => Ok(()),
        }
    }
}

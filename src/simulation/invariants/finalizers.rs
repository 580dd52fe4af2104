use super::{Broken, Invariant, Moment};
use crate::simulation::journal::Event;

/// Nothing is removed while a finalizer asks to wait, and nothing gets a new finalizer once it is being deleted.
#[derive(Default)]
pub struct Finalizers;

impl Invariant for Finalizers {
    fn name(&self) -> &'static str {
        "finalizers-are-kept"
    }

    fn source(&self) -> &'static str {
        "Finalizers, \"How finalizers work\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Commit { key, .. } = &moment.entry.event else { return Ok(()) };
        let (Some(before), after) = (&moment.change.before, &moment.change.after) else { return Ok(()) };
        match after {
            None if !before.meta.finalizers.is_empty() => {
                Err(Broken::of(key, format!("it was removed, and waits for {}", before.meta.finalizers.join(", "))))
            }
            Some(after) if before.meta.deletion_timestamp.is_some() => {
                match after.meta.finalizers.iter().find(|finalizer| !before.meta.finalizers.contains(finalizer)) {
                    Some(late) => Err(Broken::of(key, format!("it is being deleted, and gets the finalizer {late}"))),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

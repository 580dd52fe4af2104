use super::{Broken, Invariant, Moment};
use crate::runtime::store::Revision;
use crate::simulation::journal::Event;

/// An object keeps its UID as long as it is there, its deletion is not taken back, a pod that has ended does not live again, and
/// revisions only grow.
#[derive(Default)]
pub struct Identity {
    newest: Revision,
}

impl Invariant for Identity {
    fn name(&self) -> &'static str {
        "objects-keep-their-identity"
    }

    fn source(&self) -> &'static str {
        "Object names and IDs, \"UIDs\"; API conventions, \"Metadata\"; Pod lifecycle, \"Pod phase\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Commit { revision, key, .. } = &moment.entry.event else { return Ok(()) };
        if *revision < self.newest {
            return Err(Broken::of(key, format!("revision {revision} is written after {}", self.newest)));
        }
        self.newest = *revision;
        let (Some(before), Some(after)) = (&moment.change.before, &moment.change.after) else { return Ok(()) };
        if before.meta.uid != after.meta.uid {
            return Err(Broken::of(key, format!("its UID was {} and is {}", before.meta.uid, after.meta.uid)));
        }
        if before.meta.deletion_timestamp.is_some() && after.meta.deletion_timestamp.is_none() {
            return Err(Broken::of(key, "its deletion was taken back"));
        }
        match (before.phase(), after.phase()) {
            (Some(ended @ ("Succeeded" | "Failed")), Some(phase)) if phase != ended => {
                Err(Broken::of(key, format!("it had {ended} and is {phase}")))
            }
            _ => Ok(()),
        }
    }
}

use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment, Rest};
use crate::runtime::store::Key;
use crate::simulation::journal::{Event, Outcome};

/// Nothing is removed while a finalizer asks to wait, and nothing gets a new finalizer once it is being deleted.
#[derive(Default)]
pub struct Finalizers {
    /// What was removed though it had finalizers when it was last written, and which. Whoever takes the last of them away removes it with the
    /// same write; so it is for the answer to say by which request it went.
    removed: BTreeMap<Key, String>,
}

impl Invariant for Finalizers {
    fn name(&self) -> &'static str {
        "finalizers-are-kept"
    }

    fn source(&self) -> &'static str {
        "Finalizers, \"How finalizers work\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Commit { key, .. } => self.commit(key, moment),
            Event::Answered { request, outcome, .. } if request.writes() && !self.removed.is_empty() => {
                let key = Key::new(request.collection.clone(), request.path.clone());
                let Some(finalizers) = self.removed.get(&key) else { return Ok(()) };
                match outcome {
                    Outcome::Object(_) if request.verb == "delete" => {
                        Err(Broken::of(&key, format!("{} deletes it, and it waits for {finalizers}", request.user)))
                    }
                    Outcome::Object(object) if !object.meta().finalizers.is_empty() => Ok(()),
                    // What nobody was told cannot be judged.
                    Outcome::Refused(_) => Ok(()),
                    _ => {
                        self.removed.remove(&key);
                        Ok(())
                    }
                }
            }
            Event::Process { .. } => {
                self.removed.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn rest(&mut self, _: &Rest<'_>) -> Result<(), Broken> {
        match self.removed.first_key_value() {
            Some((key, finalizers)) => Err(Broken::of(key, format!("it was removed, and waits for {finalizers}"))),
            None => Ok(()),
        }
    }
}

impl Finalizers {
    fn commit(&mut self, key: &Key, moment: &Moment<'_>) -> Result<(), Broken> {
        let Some(before) = &moment.change.before else { return Ok(()) };
        let Some(after) = &moment.change.after else {
            if !before.meta.finalizers.is_empty() {
                self.removed.insert(key.clone(), before.meta.finalizers.join(", "));
            }
            return Ok(());
        };
        if before.meta.deletion_timestamp.is_none() {
            return Ok(());
        }
        match after.meta.finalizers.iter().find(|finalizer| !before.meta.finalizers.contains(finalizer)) {
            Some(late) => Err(Broken::of(key, format!("it is being deleted, and gets the finalizer {late}"))),
            None => Ok(()),
        }
    }
}

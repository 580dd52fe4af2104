use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment};
use crate::api::object::Object;
use crate::runtime::store::{Key, Revision, Stored};
use crate::simulation::journal::{Delivery, Event, Outcome, Request};
use crate::simulation::ledger::Ledger;

/// A watch is ordered, unique and complete: after the revision at which it starts it brings every change of its collection once, in order,
/// as it was written, and a bookmark says no more than what was brought.
#[derive(Default)]
pub struct Watches {
    /// Up to which revision each watch has brought everything, and the keys that it has brought at that revision.
    places: BTreeMap<u64, (Revision, Vec<Key>)>,
}

impl Invariant for Watches {
    fn name(&self) -> &'static str {
        "watches-skip-nothing"
    }

    fn source(&self) -> &'static str {
        "etcd API guarantees, \"Watch APIs\": ordered, unique, reliable, atomic, resumable, bookmarkable; KEP-956"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let ledger = &moment.scene.ledger;
        match &moment.entry.event {
            Event::Process { .. } => self.places.clear(),
            Event::Answered { id, request, outcome: Outcome::Other } if request.verb == "watch" && !request.is_partial => {
                if let Ok(from) = request.revision.parse() {
                    self.places.insert(*id, (Revision(from), Vec::new()));
                }
            }
            Event::Delivered { id, delivery: Delivery::Ended(_), .. } => drop(self.places.remove(id)),
            Event::Delivered { id, request, delivery } => {
                let Some((place, brought)) = self.places.get_mut(id) else { return Ok(()) };
                match delivery {
                    Delivery::Changed(how, object) => {
                        let key = request.key_of(object);
                        changed(ledger, request, (*place, brought), how, &key, object)?;
                        if object.revision() > *place {
                            brought.clear();
                        }
                        *place = object.revision();
                        brought.push(key);
                    }
                    Delivery::Bookmark(revision) => {
                        skipped(ledger, request, *place, *revision)?;
                        if revision > place {
                            (*place, *brought) = (*revision, Vec::new());
                        }
                    }
                    Delivery::Ended(_) => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn changed(
    ledger: &Ledger,
    request: &Request,
    (place, brought): (Revision, &[Key]),
    how: &str,
    key: &Key,
    object: &Object,
) -> Result<(), Broken> {
    let revision = object.revision();
    if revision < place || revision == place && brought.contains(key) {
        return Err(Broken::of(key, format!("a watch brings revision {revision} after {place}")));
    }
    if !ledger.knows(place) {
        return Ok(());
    }
    match (ledger.version(key, revision), how) {
        (Some(None), "DELETED") => {}
        (Some(Some(bytes)), "ADDED" | "MODIFIED") if bytes == object.bytes() => {
            let was_there = ledger.before(key, revision).and_then(|before| ledger.version(key, before)).is_some_and(Option::is_some);
            // What came before may be forgotten where nothing else is.
            if how == "ADDED" && was_there {
                return Err(Broken::of(key, format!("a watch says that it was added at revision {revision}, and it was there before")));
            }
        }
        (version, _) => {
            let stood = match version {
                None => "nothing was written",
                Some(None) => "it was deleted",
                Some(Some(_)) => "something else was written",
            };
            return Err(Broken::of(key, format!("a watch brings {how} at revision {revision}, when {stood}")));
        }
    }
    skipped(ledger, request, place, Revision(revision.0.saturating_sub(1)))
}

/// Nothing of the collection was written after the watch's place up to a revision.
fn skipped(ledger: &Ledger, request: &Request, place: Revision, upto: Revision) -> Result<(), Broken> {
    if !ledger.knows(place) || upto <= place {
        return Ok(());
    }
    let below = if request.path.is_empty() { String::new() } else { format!("{}/", request.path) };
    match ledger.written(&request.collection, &below, place.next(), upto) {
        Some((key, revision)) => {
            Err(Broken::of(key, format!("a watch skips revision {revision}: it was at {place}, and now claims {upto}")))
        }
        None => Ok(()),
    }
}

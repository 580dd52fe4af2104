use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment};
use crate::api::object::Object;
use crate::runtime::store::{Key, Revision, Stored};
use crate::simulation::journal::{Event, Outcome, Request};
use crate::simulation::ledger::Ledger;

/// Requests have their effect at one moment between their sending and their answer: no answer is older than what anybody knew when it was
/// asked for, none shows what was never written, an acknowledged write is durable, and a write that expects a version follows that version.
#[derive(Default)]
pub struct History {
    /// The newest revision that anybody was told of.
    known: Revision,
    /// What was known when requests were sent that wait for their answer.
    asked: BTreeMap<u64, Revision>,
}

impl Invariant for History {
    fn name(&self) -> &'static str {
        "history-is-linearizable"
    }

    fn source(&self) -> &'static str {
        "Kubernetes API concepts, \"Resource versions\"; etcd API guarantees"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Asked { id, .. } => {
                self.asked.insert(*id, self.known);
            }
            // Nobody of that process waits any more.
            Event::Process { .. } => self.asked.clear(),
            Event::Answered { id, request, outcome } => {
                let floor = self.asked.remove(id);
                if let Some(floor) = floor {
                    judge(&moment.scene.ledger, request, outcome, floor)?;
                }
                self.know(outcome);
            }
            _ => {}
        }
        Ok(())
    }
}

impl History {
    fn know(&mut self, outcome: &Outcome) {
        let told = match outcome {
            Outcome::Object(object) => object.revision(),
            Outcome::List { revision, .. } => *revision,
            Outcome::Other | Outcome::Refused(_) | Outcome::Lost => return,
        };
        self.known = self.known.max(told);
    }
}

fn judge(ledger: &Ledger, request: &Request, outcome: &Outcome, floor: Revision) -> Result<(), Broken> {
    match outcome {
        Outcome::Object(object) => {
            let key = request.key_of(object);
            match request.verb {
                // What it shows last is what it was, at the revision of its going.
                "delete" => Ok(()),
                "get" => read(ledger, &key, object, floor),
                // A subresource may answer something else than the object.
                _ if !matches!(&*request.subresource, "" | "status") => Ok(()),
                _ => written(ledger, &key, object, request),
            }
        }
        Outcome::List { revision, items } => listed(ledger, request, *revision, items, floor),
        Outcome::Refused(404) if request.verb == "get" && !request.path.is_empty() => {
            absent(ledger, &Key::new(request.collection.clone(), request.path.clone()), floor)
        }
        Outcome::Refused(_) | Outcome::Other | Outcome::Lost => Ok(()),
    }
}

/// What an answer shows was written, in those words.
fn shown(ledger: &Ledger, key: &Key, object: &Object) -> Result<(), Broken> {
    let revision = object.revision();
    if !ledger.knows(revision) {
        return Ok(());
    }
    match ledger.version(key, revision) {
        Some(Some(bytes)) if bytes == object.bytes() => Ok(()),
        Some(Some(_)) => Err(Broken::of(key, format!("an answer shows at revision {revision} something else than was written then"))),
        Some(None) => Err(Broken::of(key, format!("an answer shows it at revision {revision}, when it was deleted"))),
        None => Err(Broken::of(key, format!("an answer shows it at revision {revision}, when nothing durable was written to it"))),
    }
}

fn read(ledger: &Ledger, key: &Key, object: &Object, floor: Revision) -> Result<(), Broken> {
    shown(ledger, key, object)?;
    match ledger.after(key, object.revision()).next() {
        Some((newer, _)) if *newer <= floor => Err(Broken::of(
            key,
            format!("a read shows revision {}, though revision {newer} was known to somebody when it was asked for", object.revision()),
        )),
        _ => Ok(()),
    }
}

fn absent(ledger: &Ledger, key: &Key, floor: Revision) -> Result<(), Broken> {
    if !ledger.knows(floor) {
        return Ok(());
    }
    let was_absent = ledger.at(key, floor).is_none_or(|(_, value)| value.is_none());
    if was_absent || ledger.after(key, floor).any(|(_, value)| value.is_none()) {
        return Ok(());
    }
    Err(Broken::of(key, format!("a read did not find it, though it stood there at revision {floor} and since")))
}

fn written(ledger: &Ledger, key: &Key, object: &Object, request: &Request) -> Result<(), Broken> {
    // Who takes the last finalizer from an object that is being deleted is shown how it went.
    let went = object.meta().deletion_timestamp.is_some() && object.meta().finalizers.is_empty();
    if !(went && ledger.version(key, object.revision()) == Some(&None)) {
        shown(ledger, key, object)?;
    }
    let (Ok(expected), revision) = (request.revision.parse().map(Revision), object.revision()) else { return Ok(()) };
    // A write that changes nothing is answered with the version that it expected.
    if expected == revision || !ledger.knows(expected) {
        return Ok(());
    }
    match ledger.before(key, revision) {
        Some(before) if before == expected => Ok(()),
        before => Err(Broken::of(
            key,
            format!(
                "{} wrote revision {revision} expecting {expected}, and it follows {}",
                request.user,
                before.map_or("nothing".to_owned(), |before| before.to_string())
            ),
        )),
    }
}

fn listed(ledger: &Ledger, request: &Request, revision: Revision, items: &[Object], floor: Revision) -> Result<(), Broken> {
    let whole = Key::new(request.collection.clone(), request.path.clone());
    if request.revision.is_empty() && revision < floor {
        let what = format!("a list is of revision {revision}, though revision {floor} was known to somebody when it was asked for");
        return Err(Broken::of(&whole, what));
    }
    for item in items {
        shown(ledger, &request.key_of(item), item)?;
    }
    if request.is_partial || !ledger.knows(revision) {
        return Ok(());
    }
    let below = if request.path.is_empty() { String::new() } else { format!("{}/", request.path) };
    let stood = ledger.keys(&request.collection, &below).filter_map(|key| {
        let (written, value) = ledger.at(key, revision)?;
        value.as_ref().map(|_| (key, *written))
    });
    let (mut stood, mut listed) = (stood.collect::<Vec<_>>(), items.iter().map(|item| request.key_of(item)).collect::<Vec<_>>());
    stood.sort();
    listed.sort();
    match stood.iter().map(|(key, _)| *key).eq(listed.iter()) {
        true => Ok(()),
        false => {
            let missing = stood.iter().find(|(key, _)| !listed.contains(key)).map(|(key, _)| (*key).clone());
            let surplus = listed.iter().find(|key| !stood.iter().any(|(stood, _)| stood == key)).cloned();
            let what = format!("a list of revision {revision} lacks {missing:?} and has {surplus:?} too much");
            Err(Broken::of(&missing.or(surplus).unwrap_or(whole), what))
        }
    }
}

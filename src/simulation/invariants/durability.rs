use super::{Broken, Invariant, Moment};
use crate::runtime::store::{Key, Recovered};
use crate::simulation::journal::Event;
use crate::simulation::scene::Scene;

/// Whatever happens to its process and its machine, a store comes up with all that was durable, and with nothing else.
#[derive(Default)]
pub struct Durability;

impl Invariant for Durability {
    fn name(&self) -> &'static str {
        "what-is-durable-stays"
    }

    fn source(&self) -> &'static str {
        "etcd API guarantees, \"Durability\""
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        match &moment.entry.event {
            Event::Recovered(found) => compare(moment.scene, found),
            _ => Ok(()),
        }
    }
}

fn compare(scene: &Scene, found: &Recovered) -> Result<(), Broken> {
    if found.revision != scene.revision {
        let what = format!("the store comes up at revision {}, and the newest that was durable is {}", found.revision, scene.revision);
        return Err(Broken::by_itself(what));
    }
    for (key, revision, bytes) in &found.entries {
        match scene.objects.get(key) {
            Some(view) if (view.revision, &view.json) == (*revision, bytes) => {}
            Some(view) if view.revision == *revision => return Err(Broken::of(key, "it comes up with other bytes than were written")),
            Some(view) => {
                return Err(Broken::of(key, format!("it comes up as of revision {revision}, and was durable at {}", view.revision)));
            }
            None => return Err(Broken::of(key, format!("it comes up as of revision {revision}, and had not been there"))),
        }
    }
    let is_found = |key: &Key| found.entries.binary_search_by(|(found, ..)| found.cmp(key)).is_ok();
    match scene.objects.keys().find(|key| !is_found(key)) {
        Some(lost) => Err(Broken::of(lost, "it was durable, and the store comes up without it")),
        None => Ok(()),
    }
}

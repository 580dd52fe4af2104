//! The kinds that are served now: the built-in ones, and those of the definitions that the store holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Instances, kinds};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::runtime::store::{Change, Events, PlaceError, Store};

/// Where definitions are kept.
pub const COLLECTION: &str = "apiextensions.k8s.io/customresourcedefinitions";
/// Changes that are taken from the store at once.
const BATCH: usize = 1024;

/// Follows the definitions of a store. Whoever asks sees what every write that was acknowledged before has defined; as long as no
/// definition changes, that costs a look at whether one has.
#[derive(Default)]
pub struct Definitions(Mutex<State>);

#[derive(Default)]
struct State {
    events: Option<Events<Object>>,
    /// By the name of the definition.
    defined: BTreeMap<Arc<str>, Vec<KindRef>>,
    registry: Option<Arc<Registry>>,
}

impl Definitions {
    pub fn registry(&self, store: &dyn Store<Object>) -> Arc<Registry> {
        let mut state = self.0.lock();
        if state.events.as_ref().is_none_or(Events::has_news) {
            state.follow(store);
        }
        let State { registry, defined, .. } = &mut *state;
        registry.get_or_insert_with(|| Arc::new(Registry::built_in().with(defined.values().flatten()))).clone()
    }
}

impl State {
    fn follow(&mut self, store: &dyn Store<Object>) {
        let changes = self.events.as_mut().map(|events| {
            let mut all = Vec::new();
            loop {
                let batch = events.ready(BATCH)?;
                if batch.is_empty() {
                    return Ok(all);
                }
                all.extend(batch);
            }
        });
        match changes {
            Some(Ok(changes)) if changes.is_empty() => return,
            Some(Ok(changes)) => {
                for event in changes {
                    match &event.change {
                        Change::Put { value, .. } => drop(self.defined.insert(event.key.path.clone(), defined(value))),
                        Change::Delete { .. } => drop(self.defined.remove(&event.key.path)),
                    }
                }
            }
            // It has just begun, or was not asked for so long that history is gone.
            None | Some(Err(PlaceError::Compacted { .. } | PlaceError::Future { .. })) => {
                self.begin(store);
            }
        }
        self.registry = None;
    }

    fn begin(&mut self, store: &dyn Store<Object>) {
        let snapshot = store.snapshot();
        let there = snapshot.range(COLLECTION, "", None);
        self.defined = there.map(|(key, object)| (key.path.clone(), defined(object))).collect();
        self.events = store.events(COLLECTION, snapshot.revision()).ok();
    }
}

fn defined(definition: &Object) -> Vec<KindRef> {
    kinds(definition).into_iter().map(Arc::new).collect()
}

/// Resolves once a definition is no more what it was: who follows its objects has to begin anew. Never, where there is none.
pub async fn changed(definition: &mut Option<(Events<Object>, Arc<Instances>)>) {
    let Some((events, custom)) = definition else { return std::future::pending().await };
    let is_news = |object: &Object, before: Option<&Object>| {
        let (new, before) = (object.value(), before.map(Object::value).unwrap_or_default());
        new["spec"] != before["spec"] || new["status"]["acceptedNames"] != before["status"]["acceptedNames"]
    };
    loop {
        let Ok(batch) = events.next(BATCH).await else { return };
        let concerned = batch.iter().filter(|event| &*event.key.path == custom.definition());
        let is_changed = concerned.into_iter().any(|event| match &event.change {
            Change::Put { value, previous } => is_news(value, previous.as_ref()),
            Change::Delete { .. } => true,
        });
        if is_changed {
            return;
        }
    }
}

//! What an informer shows: the objects of one kind at one revision.

use std::any::Any;
use std::collections::BTreeSet;
use std::ops::{Bound, Deref};
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use parking_lot::Mutex;

use super::index::{self, Index};
use super::{Delta, ObjectKey};
use crate::api::client::{List, WatchEvent};
use crate::api::object::Object;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Revision, Stored};

/// An immutable view. Clones share their structure, so a reader keeps one as long as it likes.
#[derive(Clone)]
pub struct View {
    revision: Revision,
    entries: OrdMap<ObjectKey, Arc<Entry>>,
    indexes: Vec<(Index, Postings)>,
}

/// An index's values, each with a key of an object that has it.
type Postings = OrdSet<(Arc<str>, ObjectKey)>;

/// An object in a view, with what was made of it.
#[derive(Debug)]
pub struct Entry {
    object: Object,
    /// At most one of each type.
    projections: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

impl Deref for Entry {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl Entry {
    fn new(object: Object) -> Arc<Self> {
        Arc::new(Self { object, projections: Mutex::default() })
    }

    /// What `T` makes of this object, worked out once for each version of it.
    pub fn project<T: for<'a> From<&'a Object> + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut projections = self.projections.lock();
        if let Some(kept) = projections.iter().find_map(|kept| kept.clone().downcast::<T>().ok()) {
            return kept;
        }
        let made = Arc::new(T::from(&self.object));
        projections.push(made.clone());
        made
    }
}

impl View {
    pub(super) fn empty(indexes: &[Index]) -> Self {
        Self { revision: Revision(0), entries: OrdMap::new(), indexes: indexes.iter().map(|index| (*index, OrdSet::new())).collect() }
    }

    /// All changes up to this revision are in the view.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &ObjectKey) -> Option<&Entry> {
        self.entries.get(key).map(Deref::deref)
    }

    /// All objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(Deref::deref)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Entry>)> {
        self.entries.iter()
    }

    /// The objects of one namespace, by name.
    pub fn namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .range(ObjectKey::new(namespace, "")..)
            .take_while(move |(key, _)| *key.namespace == *namespace)
            .map(|(_, entry)| entry.deref())
    }

    /// The objects that an index has under a value, by namespace and name.
    ///
    /// # Panics
    /// The informer was not started with this index.
    pub fn indexed<'a>(&'a self, index: &Index, value: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let (_, set) = self
            .indexes
            .iter()
            .find(|(kept, _)| kept.name == index.name)
            .unwrap_or_else(|| panic!("an informer was not started with the index {}", index.name));
        let value: Arc<str> = value.into();
        let start = (value.clone(), ObjectKey::new("", ""));
        set.range((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(found, _)| *found == value)
            .filter_map(|(_, key)| self.get(key))
    }

    /// The objects that name this uid among their owners ([`index::OWNER`]).
    pub fn by_owner<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.indexed(&index::OWNER, uid)
    }

    /// The objects of a namespace that carry a label ([`index::LABEL`]).
    pub fn by_label<'a>(&'a self, namespace: &str, key: &str, value: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.indexed(&index::LABEL, &index::label(namespace, key, value))
    }

    /// The services that may select an object by its labels ([`index::SELECTOR`]), in no order.
    pub fn that_may_select<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Entry> {
        let (namespace, labels) = (object.namespace(), object.labels());
        labels.iter().flat_map(move |(key, value)| self.indexed(&index::SELECTOR, &index::label(namespace, key, value)))
    }

    /// The pods that are bound to a node, or to none if it is empty ([`index::NODE`]).
    pub fn by_node<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.indexed(&index::NODE, node)
    }

    /// Takes the place of all that was there; says what that changed.
    pub(super) fn replace(&mut self, list: List) -> Vec<Delta> {
        let listed: BTreeSet<ObjectKey> = list.items.iter().map(ObjectKey::from).collect();
        let gone: Vec<ObjectKey> =
            self.entries.keys().filter(|key| !listed.contains(*key) && !planted(Flaw::KeepsTheGone)).cloned().collect();
        let mut deltas: Vec<Delta> = gone.iter().filter_map(|key| self.remove(key)).collect();
        deltas.extend(list.items.into_iter().filter_map(|object| self.put(object)));
        self.revision = list.revision;
        deltas
    }

    /// Follows one event; says what it changed.
    pub(super) fn apply(&mut self, event: WatchEvent) -> Option<Delta> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.revision = self.revision.max(object.revision());
                self.put(object)
            }
            WatchEvent::Deleted(object) => {
                self.revision = self.revision.max(object.revision());
                self.remove(&ObjectKey::from(&object))
            }
            WatchEvent::Bookmark { revision, .. } => {
                self.revision = self.revision.max(revision);
                None
            }
        }
    }

    fn put(&mut self, object: Object) -> Option<Delta> {
        let key = ObjectKey::from(&object);
        let old = self.entries.get(&key).cloned();
        if old.as_ref().is_some_and(|old| old.revision() >= object.revision()) {
            return None;
        }
        self.reindex(&key, old.as_deref().map(Deref::deref), Some(&object));
        let new = Entry::new(object);
        self.entries.insert(key.clone(), new.clone());
        Some(Delta { key, old, new: Some(new) })
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Delta> {
        let old = self.entries.remove(key)?;
        self.reindex(key, Some(&old), None);
        Some(Delta { key: key.clone(), old: Some(old), new: None })
    }

    fn reindex(&mut self, key: &ObjectKey, old: Option<&Object>, new: Option<&Object>) {
        for (index, set) in &mut self.indexes {
            let before: BTreeSet<String> = old.map(index.values).unwrap_or_default().into_iter().collect();
            let after: BTreeSet<String> = new.map(index.values).unwrap_or_default().into_iter().collect();
            for value in before.difference(&after) {
                set.remove(&(value.as_str().into(), key.clone()));
            }
            for value in after.difference(&before) {
                set.insert((value.as_str().into(), key.clone()));
            }
        }
    }
}

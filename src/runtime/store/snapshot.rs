//! An immutable view of the whole store at one revision.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::{Key, Revision};

/// The state at one revision. Clones share their structure.
pub struct Snapshot<T> {
    pub(super) revision: Revision,
    pub(super) entries: OrdMap<Key, T>,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self { revision: self.revision, entries: self.entries.clone() }
    }
}

impl<T: Clone> Snapshot<T> {
    pub fn empty() -> Self {
        Self { revision: Revision(0), entries: OrdMap::new() }
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn get(&self, key: &Key) -> Option<&T> {
        self.entries.get(key)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What stands in a collection under a path prefix (empty: all of it), in order of path, from `after` (a path, exclusive) on.
    pub fn range<'a, 'p>(
        &'a self,
        collection: &str,
        prefix: &'p str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a Key, &'a T)> + use<'a, 'p, T> {
        let collection: Arc<str> = collection.into();
        let start = match after {
            Some(path) if path >= prefix => Bound::Excluded(Key { collection: collection.clone(), path: path.into() }),
            _ => Bound::Included(Key { collection: collection.clone(), path: prefix.into() }),
        };
        self.entries
            .range((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.collection == collection && key.path.starts_with(prefix))
    }

    /// Everything, in order of key.
    pub fn entries(&self) -> &OrdMap<Key, T> {
        &self.entries
    }
}

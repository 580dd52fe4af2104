//! The versions of every object, as they were committed: what answers and watches are held against.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::runtime::store::{Key, Revision};

/// How many versions are kept. What an answer says of older ones is not judged.
const VERSIONS: usize = 50_000;

/// The newest versions of all objects.
#[derive(Default)]
pub struct Ledger {
    /// Of each key, oldest first; `None` is a deletion.
    versions: BTreeMap<Key, VecDeque<(Revision, Option<Bytes>)>>,
    /// The order in which they were written.
    order: VecDeque<(Revision, Key)>,
    /// Up to this revision versions may have been forgotten.
    forgotten: Revision,
}

impl Ledger {
    pub fn write(&mut self, revision: Revision, key: &Key, value: Option<&Bytes>) {
        self.versions.entry(key.clone()).or_default().push_back((revision, value.cloned()));
        self.order.push_back((revision, key.clone()));
        while self.order.len() > VERSIONS {
            let Some((_, oldest)) = self.order.pop_front() else { return };
            let Some(versions) = self.versions.get_mut(&oldest) else { continue };
            // The newest version of a key is how it stands: it is kept, however old.
            if versions.len() > 1 {
                versions.pop_front();
                self.forgotten = self.forgotten.max(versions[0].0);
            } else if versions[0].1.is_none() {
                self.forgotten = self.forgotten.max(versions[0].0);
                self.versions.remove(&oldest);
            }
        }
    }

    /// Whether what stood at that revision is still known.
    pub fn knows(&self, revision: Revision) -> bool {
        revision >= self.forgotten
    }

    /// How a key stood at a revision.
    pub fn at(&self, key: &Key, revision: Revision) -> Option<&(Revision, Option<Bytes>)> {
        self.versions.get(key)?.iter().rev().find(|(written, _)| *written <= revision)
    }

    /// The version of a key that was written at exactly that revision.
    pub fn version(&self, key: &Key, revision: Revision) -> Option<&Option<Bytes>> {
        self.at(key, revision).filter(|(written, _)| *written == revision).map(|(_, value)| value)
    }

    /// The version that came before the one at a revision.
    pub fn before(&self, key: &Key, revision: Revision) -> Option<Revision> {
        self.versions.get(key)?.iter().rev().find(|(written, _)| *written < revision).map(|(written, _)| *written)
    }

    /// The versions of a key that came after a revision, oldest first.
    pub fn after(&self, key: &Key, revision: Revision) -> impl Iterator<Item = &(Revision, Option<Bytes>)> {
        self.versions.get(key).into_iter().flatten().filter(move |(written, _)| *written > revision)
    }

    /// The keys of a collection below a prefix of their path (`default/`, or nothing), in order.
    pub fn keys<'a>(&'a self, collection: &'a str, below: &'a str) -> impl Iterator<Item = &'a Key> {
        let from = Key::new(collection, below);
        self.versions.range(from..).map(|(key, _)| key).take_while(move |key| &*key.collection == collection && key.path.starts_with(below))
    }

    /// The first write to a collection, below a prefix of its paths, from one revision to another.
    pub fn written(&self, collection: &str, below: &str, first: Revision, last: Revision) -> Option<(&Key, Revision)> {
        let from = self.order.partition_point(|(revision, _)| *revision < first);
        let range = self.order.range(from..).take_while(|(revision, _)| *revision <= last);
        range
            .filter(|(_, key)| &*key.collection == collection && key.path.starts_with(below))
            .map(|(revision, key)| (key, *revision))
            .next()
    }
}

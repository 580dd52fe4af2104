//! The names and UIDs that the objects of a recording were given, so that they are given them again: requests, containers and other objects
//! refer to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;

use crate::api::verbs::Identities;
use crate::runtime::clock::{self, Instant};
use crate::runtime::store::Key;
use crate::simulation::journal::{Entry, Event, Witness};

/// A name that was given out and not committed since is free again after this.
const RESERVED: Duration = Duration::from_secs(1);

/// All that were given. Clones are the same.
#[derive(Clone, Default)]
pub struct Given(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    /// By collection, namespace and `generateName`, in order of creation.
    names: BTreeMap<(String, String, String), Vec<String>>,
    /// In order of creation.
    uids: BTreeMap<Key, Vec<String>>,
    /// How often something was created there in this run.
    created: BTreeMap<Key, usize>,
    present: BTreeSet<Key>,
    reserved: BTreeMap<Key, Instant>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    generate_name: String,
}

impl Given {
    /// Takes note of an object that was created in the recording.
    pub(super) fn note(&self, key: &Key, json: &[u8]) {
        let Named { metadata } = serde_json::from_slice(json).unwrap_or_default();
        let mut book = self.0.lock();
        book.uids.entry(key.clone()).or_default().push(metadata.uid);
        if !metadata.generate_name.is_empty() {
            let place = (key.collection.to_string(), metadata.namespace, metadata.generate_name);
            book.names.entry(place).or_default().push(metadata.name);
        }
    }
}

impl Identities for Given {
    fn name(&self, collection: &str, namespace: &str, prefix: &str) -> Option<String> {
        let book = &mut *self.0.lock();
        let now = clock::instant();
        book.reserved.retain(|_, since| now.duration_since(*since) < RESERVED);
        let names = book.names.get(&(collection.to_owned(), namespace.to_owned(), prefix.to_owned()))?;
        let key = |name: &str| match namespace {
            "" => Key::new(collection, name),
            namespace => Key::new(collection, format!("{namespace}/{name}")),
        };
        let name = names.iter().find(|name| !book.created.contains_key(&key(name)) && !book.reserved.contains_key(&key(name)))?;
        book.reserved.insert(key(name), now);
        Some(name.clone())
    }

    fn uid(&self, key: &Key) -> Option<String> {
        let book = self.0.lock();
        let before = book.created.get(key).copied().unwrap_or(0);
        book.uids.get(key)?.get(before).cloned()
    }
}

impl Given {
    /// An object is there from the beginning.
    pub(super) fn begin_with(&self, key: Key) {
        self.0.lock().present.insert(key);
    }
}

impl Witness for Given {
    fn see(&mut self, entry: &Entry) {
        let Event::Commit { key, value, .. } = &entry.event else { return };
        let mut book = self.0.lock();
        match value {
            None => drop(book.present.remove(key)),
            Some(_) => {
                if book.present.insert(key.clone()) {
                    *book.created.entry(key.clone()).or_default() += 1;
                    book.reserved.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::runtime::store::Revision;

    fn pod(name: &str, uid: &str) -> (Key, Bytes) {
        let json = json!({"metadata": {"name": name, "namespace": "n", "uid": uid, "generateName": "web-"}});
        (Key::new("pods", format!("n/{name}")), json.to_string().into())
    }

    fn commit(given: &Given, key: &Key, value: Option<Bytes>) {
        let event = Event::Commit { revision: Revision(1), key: key.clone(), value };
        given.clone().see(&Entry { time: clock::now(), event });
    }

    #[test]
    fn what_is_created_again_is_named_as_it_was() {
        let given = Given::default();
        let ((a, first), (b, second)) = (pod("web-a", "1"), pod("web-b", "2"));
        given.note(&a, &first);
        given.note(&b, &second);
        given.note(&a, &pod("web-a", "3").1);
        let name = || given.name("pods", "n", "web-");
        assert_eq!((name().as_deref(), name().as_deref()), (Some("web-a"), Some("web-b")), "two at once get different names");
        assert_eq!(given.name("pods", "other", "web-"), None);
        assert_eq!(given.uid(&a).as_deref(), Some("1"));
        assert_eq!(given.uid(&a).as_deref(), Some("1"), "until it is committed");
        commit(&given, &a, Some(first.clone()));
        commit(&given, &a, Some(first));
        commit(&given, &a, None);
        assert_eq!(given.uid(&a).as_deref(), Some("3"));
        assert_eq!(given.uid(&Key::new("pods", "n/unknown")), None);
    }
}

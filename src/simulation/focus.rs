//! One object that somebody looks at, and what touches it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::journal::{Delivery, Entry, Event, Outcome, Request};
use crate::api::kinds::{Kind, Registry};
use crate::runtime::store::{Key, Revision};

/// An object by its place in the store. Written as `pod/default/web-1`, with any of its kind's names, or as the store has it:
/// `controllers/default/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    pub key: Key,
}

impl FromStr for Focus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = || Registry::built_in().all();
        let (word, path) = text.split_once('/').unwrap_or((text, ""));
        let named = |kind: &&Arc<Kind>| {
            kind.plural() == word || kind.kind().eq_ignore_ascii_case(word) || kind.short_names.iter().any(|name| name == word)
        };
        let by_collection = |kind: &'static Arc<Kind>| Some((kind, text.strip_prefix(&*kind.collection)?.strip_prefix('/')?));
        let stored = kinds().filter_map(by_collection).max_by_key(|(kind, _)| kind.collection.len());
        // `services/specs/default/web` is no service `specs/default/web`.
        let nested = stored.filter(|(kind, _)| kind.collection.contains('/'));
        let found = nested.or_else(|| kinds().find(named).map(|kind| (kind, path))).or(stored);
        let (kind, path) = found
            .ok_or_else(|| format!("{text:?} names no object: there is no kind {word:?}; write it as pod/default/web-1 or node/node-1"))?;
        let parts: Vec<&str> = path.split('/').collect();
        let wanted = if kind.is_namespaced() { "NAMESPACE/NAME" } else { "NAME" };
        if parts.len() != wanted.split('/').count() || parts.contains(&"") {
            return Err(format!("{text:?} names no object: a {} is written as {word}/{wanted}", kind.kind()));
        }
        Ok(Self { key: Key::new(kind.collection.clone(), path) })
    }
}

impl fmt::Display for Focus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl Focus {
    fn is_of(&self, request: &Request) -> bool {
        request.collection == self.key.collection && request.path == self.key.path
    }

    /// Whether an event is about the object. `uid` is the object's, once it has one: containers know no more of their pod.
    pub fn is_touched_by(&self, entry: &Entry, uid: &str) -> bool {
        match &entry.event {
            Event::Commit { key, .. } => *key == self.key,
            Event::Asked { request, .. } => self.is_of(request),
            Event::Answered { request, outcome, .. } => {
                let created = |object| request.writes() && request.key_of(object) == self.key;
                self.is_of(request) || matches!(outcome, Outcome::Object(object) if created(object))
            }
            Event::Delivered { request, delivery: Delivery::Changed(_, object), .. } => request.key_of(object) == self.key,
            Event::Container { pod_uid, .. } => !uid.is_empty() && **pod_uid == *uid,
            Event::Recovered(_)
            | Event::Delivered { .. }
            | Event::Deed { .. }
            | Event::Refused { .. }
            | Event::Process { .. }
            | Event::Panicked { .. } => false,
        }
    }

    /// The UID that a commit gives the object; `None` if the entry is none to it.
    pub fn uid_in(&self, entry: &Entry) -> Option<String> {
        #[derive(Default, serde::Deserialize)]
        struct Named {
            metadata: super::scene::Meta,
        }
        match &entry.event {
            Event::Commit { key, value: Some(value), .. } if *key == self.key => {
                Some(serde_json::from_slice::<Named>(value).unwrap_or_default().metadata.uid)
            }
            _ => None,
        }
    }
}

/// The lines of the last so many events that touched an object, up to the one of that number.
pub fn touching(entries: &[Entry], focus: &Focus, upto: usize, most: usize) -> Vec<String> {
    let mut uid = String::new();
    let mut lines = Vec::new();
    for entry in &entries[..entries.len().min(upto + 1)] {
        uid = focus.uid_in(entry).unwrap_or(uid);
        if focus.is_touched_by(entry, &uid) {
            lines.push(entry);
        }
    }
    lines[lines.len().saturating_sub(most)..].iter().map(ToString::to_string).collect()
}

/// How the object stood after the event of that number: its revision and bytes, if it was there.
pub fn standing(entries: &[Entry], focus: &Focus, upto: usize) -> Option<(Revision, bytes::Bytes)> {
    entries[..entries.len().min(upto + 1)].iter().rev().find_map(|entry| match &entry.event {
        Event::Commit { key, value, revision } if *key == focus.key => Some(value.clone().map(|value| (*revision, value))),
        _ => None,
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_its_kind_or_as_the_store_has_it() {
        let key = |text: &str| text.parse::<Focus>().map(|focus| focus.to_string());
        for (text, expected) in [
            ("pod/default/web-1", "pods/default/web-1"),
            ("pods/default/web-1", "pods/default/web-1"),
            ("po/default/web-1", "pods/default/web-1"),
            ("rc/default/web", "controllers/default/web"),
            ("controllers/default/web", "controllers/default/web"),
            ("services/specs/default/web", "services/specs/default/web"),
            ("svc/default/web", "services/specs/default/web"),
            ("node/node-1", "minions/node-1"),
        ] {
            assert_eq!(key(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "pod", "pod/web-1", "pod/a/b/c", "pod//x", "pig/default/x", "node/", "node/a/b"] {
            assert!(key(text).unwrap_err().contains("names no object"), "{text}");
        }
    }
}

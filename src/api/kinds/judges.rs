//! The judgments on objects of a kind. Each reads the typed object once, however many there are.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Subresource;
use crate::api::validation::ErrorList;

/// What is said of an object that is to be written.
#[derive(Debug, Default)]
pub struct Verdict {
    pub errors: ErrorList,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
}

impl Verdict {
    fn unreadable(why: String) -> Self {
        Self { errors: why.into(), warnings: Vec::new() }
    }
}

/// Judges complete objects of one kind.
pub trait Judge: Send + Sync {
    fn create(&self, new: &Value) -> Verdict;

    /// What is written by a subresource that shows the whole object has judgments of its own, or those of the object.
    fn update(&self, subresource: Option<Subresource>, new: &Value, old: &Value) -> Verdict;
}

/// Nothing is wrong.
pub(super) struct Lenient;

impl Judge for Lenient {
    fn create(&self, _: &Value) -> Verdict {
        Verdict::default()
    }

    fn update(&self, _: Option<Subresource>, _: &Value, _: &Value) -> Verdict {
        Verdict::default()
    }
}

/// Of a new and an old object.
type Update<K> = fn(&K, &K) -> ErrorList;

/// The judgments on objects of the type `K`.
pub struct Judges<K> {
    create: fn(&K) -> ErrorList,
    update: Update<K>,
    subresources: BTreeMap<Subresource, Update<K>>,
    warnings: fn(&K, Option<&K>) -> Vec<String>,
}

impl<K> Judges<K> {
    /// Judges a new object, and an update of an old one (which is given second).
    pub fn new(create: fn(&K) -> ErrorList, update: Update<K>) -> Self {
        Self { create, update, subresources: BTreeMap::new(), warnings: |_, _| Vec::new() }
    }

    pub fn subresource(mut self, subresource: Subresource, update: Update<K>) -> Self {
        self.subresources.insert(subresource, update);
        self
    }

    pub fn warnings(mut self, warnings: fn(&K, Option<&K>) -> Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

impl<K: DeserializeOwned> Judge for Judges<K> {
    fn create(&self, new: &Value) -> Verdict {
        match typed(new) {
            Ok(new) => Verdict { errors: (self.create)(&new), warnings: (self.warnings)(&new, None) },
            Err(why) => Verdict::unreadable(why),
        }
    }

    fn update(&self, subresource: Option<Subresource>, new: &Value, old: &Value) -> Verdict {
        let judge = subresource.and_then(|subresource| self.subresources.get(&subresource)).unwrap_or(&self.update);
        match (typed(new), typed(old)) {
            (Ok(new), Ok(old)) => Verdict { errors: judge(&new, &old), warnings: (self.warnings)(&new, Some(&old)) },
            (Err(why), _) | (_, Err(why)) => Verdict::unreadable(why),
        }
    }
}

/// The typed object. Go reads null as absent; the types here do so only where a field is optional, so others are read once more.
fn typed<K: DeserializeOwned>(value: &Value) -> Result<K, String> {
    K::deserialize(value).or_else(|_| K::deserialize(without_nulls(value))).map_err(|error| error.to_string())
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| (name.clone(), without_nulls(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

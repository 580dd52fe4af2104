//! `metadata.managedFields`: who manages which fields of an object.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field_set::FieldSet;

/// So many managers that update are kept apart; the oldest beyond that become one.
const UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// Who writes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    pub manager: String,
    pub applies: bool,
    pub api_version: String,
    /// Empty for the object itself.
    pub subresource: String,
}

/// One manager's part, as it stands in the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    pub manager: String,
    pub operation: String,
    pub api_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    pub fields_type: String,
    #[serde(rename = "fieldsV1")]
    pub fields: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

/// The entries of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Managed(Vec<Entry>);

impl Entry {
    pub fn applies(&self) -> bool {
        self.operation == "Apply"
    }

    /// Who applies is the same in whatever version; who updates in another version is another.
    fn is_of(&self, writer: &Writer) -> bool {
        self.manager == writer.manager
            && self.subresource == writer.subresource
            && self.applies() == writer.applies
            && (writer.applies || self.api_version == writer.api_version)
    }

    fn order(&self) -> (&str, Option<&str>, &str, &str, &str) {
        (&self.operation, self.time.as_deref(), &self.manager, &self.api_version, &self.subresource)
    }

    fn is_well_formed(&self) -> bool {
        matches!(self.operation.as_str(), "Apply" | "Update") && !self.api_version.is_empty() && self.fields_type == "FieldsV1"
    }

    pub fn set(&self) -> FieldSet {
        FieldSet::read(&self.fields).unwrap_or_default()
    }

    /// As messages name it.
    pub fn name(&self) -> String {
        let mut name = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            name += &format!(" with subresource {:?}", self.subresource);
        }
        if !self.applies() {
            name += &format!(" using {}", self.api_version);
        }
        name
    }
}

impl Managed {
    /// What stands in an object; `None` if any of it is malformed.
    pub fn read(entries: &Value) -> Option<Self> {
        if entries.is_null() {
            return Some(Self::default());
        }
        let entries = Vec::<Entry>::deserialize(entries).ok()?;
        let is_sound = |entry: &Entry| entry.is_well_formed() && FieldSet::read(&entry.fields).is_ok();
        entries.iter().all(is_sound).then_some(Self(entries))
    }

    /// What stands in an object that this server wrote.
    pub fn known(entries: &Value) -> Self {
        Vec::<Entry>::deserialize(entries).map(Self).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub fn set_of(&self, writer: &Writer) -> FieldSet {
        self.0.iter().find(|entry| entry.is_of(writer)).map(Entry::set).unwrap_or_default()
    }

    /// Those that others than the writer have.
    pub fn others<'m>(&'m self, writer: &'m Writer) -> impl Iterator<Item = &'m Entry> {
        self.0.iter().filter(|entry| !entry.is_of(writer))
    }

    /// What the writer has from now on; the time stays if none is given.
    pub fn set(&mut self, writer: &Writer, set: &FieldSet, time: Option<String>) {
        let place = self.0.iter().position(|entry| entry.is_of(writer));
        if set.is_empty() {
            if let Some(place) = place {
                self.0.remove(place);
            }
            return;
        }
        let since = place.and_then(|place| self.0[place].time.take());
        let entry = Entry {
            manager: writer.manager.clone(),
            operation: if writer.applies { "Apply" } else { "Update" }.to_owned(),
            api_version: writer.api_version.clone(),
            time: time.or(since),
            fields_type: "FieldsV1".to_owned(),
            fields: set.write(),
            subresource: writer.subresource.clone(),
        };
        match place {
            Some(place) => self.0[place] = entry,
            None => self.0.push(entry),
        }
    }

    /// Takes fields away from everybody but one.
    pub fn take(&mut self, from_all_but: Option<&Writer>, fields: &FieldSet) {
        self.0.retain_mut(|entry| {
            if from_all_but.is_some_and(|writer| entry.is_of(writer)) || !fields.meets(&entry.fields) {
                return true;
            }
            let left = entry.set().difference(fields);
            entry.fields = left.write();
            !left.is_empty()
        });
    }

    /// Makes one of the oldest that update, when there are too many.
    pub fn cap(&mut self) {
        let mut updaters: Vec<Entry> = self.0.iter().filter(|entry| !entry.applies()).cloned().collect();
        if updaters.len() <= UPDATERS {
            return;
        }
        updaters.sort_by(|a, b| (&a.time, &a.manager, &a.api_version).cmp(&(&b.time, &b.manager, &b.api_version)));
        let mut count = updaters.len();
        let mut firsts: Vec<Entry> = Vec::new();
        for entry in updaters {
            if count <= UPDATERS {
                break;
            }
            let Some(first) = firsts.iter().position(|first| first.api_version == entry.api_version) else {
                firsts.push(entry);
                continue;
            };
            let older = &mut firsts[first];
            let set = older.set().union(&entry.set());
            self.0.retain(|kept| kept != older && *kept != entry);
            *older = Entry { manager: ANCIENT.to_owned(), subresource: String::new(), fields: set.write(), ..entry };
            self.0.push(older.clone());
            count -= 1;
        }
    }

    /// As it stands in the object: those that apply first, then by time.
    pub fn write(mut self) -> Option<Value> {
        self.0.sort_by(|a, b| a.order().cmp(&b.order()));
        (!self.0.is_empty()).then(|| serde_json::to_value(self.0).expect("entries are JSON"))
    }
}

//! What is different between two objects, field by field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Step};
use super::form::{Form, Items, Parts};

/// How one object differs from another.
#[derive(Debug, Default)]
pub struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

impl Comparison {
    pub fn of(form: Form<'_>, old: &Value, new: &Value) -> Self {
        let mut comparison = Self::default();
        comparison.look(form, Some(old), Some(new), &mut Vec::new());
        comparison
    }

    /// Forgets some fields and what is below them.
    #[must_use]
    pub fn without(mut self, fields: &FieldSet) -> Self {
        [&mut self.added, &mut self.modified, &mut self.removed].into_iter().for_each(|set| set.exclude(fields));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    fn look<'v>(&mut self, form: Form<'_>, old: Option<&'v Value>, new: Option<&'v Value>, path: &mut Vec<Step<'v>>) {
        // What is empty before and after is a leaf: so that empty and absent are told apart.
        if is_void(old) && is_void(new) {
            return self.leaf(old, new, path);
        }
        match form.parts(new.filter(|new| !new.is_null()).or(old)) {
            Parts::Leaf => return self.leaf(old, new, path),
            Parts::List(items) => self.items(items, list(old), list(new), path),
            Parts::Struct(fields) => self.fields(|name| fields.form(name), map(old), map(new), path),
            Parts::Map(form) => self.fields(|_| Some(form), map(old), map(new), path),
        }
        match (old, new) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            _ => {}
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>, path: &[Step<'_>]) {
        match (old, new) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            (old, new) if old != new => self.modified.insert(path),
            _ => {}
        }
    }

    fn fields<'f, 'v>(
        &mut self,
        form: impl Fn(&str) -> Option<Form<'f>>,
        old: Option<&'v Map<String, Value>>,
        new: Option<&'v Map<String, Value>>,
        path: &mut Vec<Step<'v>>,
    ) {
        let one_sided = |fields: Option<&'v Map<String, Value>>, other: Option<&'v Map<String, Value>>| {
            fields.into_iter().flatten().filter(move |(name, _)| other.is_none_or(|other| !other.contains_key(*name)))
        };
        let gone = one_sided(old, new).map(|(name, value)| (name, Some(value), None));
        let there = new.into_iter().flatten().map(|(name, value)| (name, old.and_then(|old| old.get(name)), Some(value)));
        for (name, old, new) in gone.chain(there) {
            let Some(form) = form(name) else { continue };
            path.push(Step::Field(name));
            self.look(form, old, new, path);
            path.pop();
        }
    }

    fn items<'v>(&mut self, items: Items<'_>, old: &'v [Value], new: &'v [Value], path: &mut Vec<Step<'v>>) {
        let mut sides: BTreeMap<Box<str>, [Vec<&'v Value>; 2]> = BTreeMap::new();
        for (side, list) in [old, new].into_iter().enumerate() {
            for item in list {
                // One without a key has no owner of its own.
                if let Ok(Step::Item(key)) = items.key(item) {
                    sides.entry(key).or_default()[side].push(item);
                }
            }
        }
        for (key, [old, new]) in sides {
            path.push(Step::Item(key));
            match (&*old, &*new) {
                ([] | [_], [] | [_]) => self.look(items.form, old.first().copied(), new.first().copied(), path),
                // Items that stand there twice are owned as a whole.
                ([_, _, ..], [_, _, ..]) if old != new => self.modified.insert(path),
                ([_, _, ..], [_, _, ..]) => {}
                ([_, _, ..], _) => {
                    if let Some(new) = new.first() {
                        self.look(items.form, None, Some(new), path);
                    }
                    self.removed.insert(path);
                }
                _ => {
                    if let Some(old) = old.first() {
                        self.look(items.form, Some(old), None, path);
                    }
                    self.added.insert(path);
                }
            }
            path.pop();
        }
    }
}

/// Nothing is there, or it is empty.
pub(super) fn is_void(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        other => other.is_none_or(Value::is_null),
    }
}

pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn map(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

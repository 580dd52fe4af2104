//! Laying what is applied over what is there.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compare::{list, map};
use super::field_set::Step;
use super::form::{Form, Items, Parts};

/// The object that is there with what is applied put over it. Lists whose items are told apart keep the order that is applied, and what is
/// only there stays where it is among them.
///
/// # Errors
/// Two items that are applied are the same.
pub fn merge(form: Form<'_>, there: &Value, applied: &Value) -> Result<Value, String> {
    Ok(lay(form, Some(there), Some(applied))?.unwrap_or_default())
}

fn lay(form: Form<'_>, there: Option<&Value>, applied: Option<&Value>) -> Result<Option<Value>, String> {
    let is_void = |value: Option<&Value>| match value {
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        other => other.is_none_or(Value::is_null),
    };
    let leaf = || Ok(applied.or(there).cloned());
    if is_void(there) && is_void(applied) {
        return leaf();
    }
    match form.parts() {
        Parts::Leaf => leaf(),
        Parts::List(items) => lay_items(items, list(there), list(applied)),
        Parts::Struct(fields) => lay_fields(|name| fields.form(name), map(there), map(applied)),
        Parts::Map(form) => lay_fields(|_| Some(form), map(there), map(applied)),
    }
}

fn lay_fields<'f>(
    form: impl Fn(&str) -> Option<Form<'f>>,
    there: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
) -> Result<Option<Value>, String> {
    let mut merged = Map::new();
    let names = there.into_iter().chain(applied).flat_map(Map::keys);
    for name in names {
        if merged.contains_key(name) {
            continue;
        }
        let of = |fields: Option<&'_ Map<String, Value>>| fields.and_then(|fields| fields.get(name)).cloned();
        let value = match form(name) {
            Some(form) => lay(form, there.and_then(|there| there.get(name)), applied.and_then(|applied| applied.get(name)))?,
            None => of(applied).or_else(|| of(there)),
        };
        if let Some(value) = value {
            merged.insert(name.clone(), value);
        }
    }
    Ok((!merged.is_empty()).then_some(Value::Object(merged)))
}

/// An item and its key.
type Keyed<'v> = (Box<str>, &'v Value);

fn keyed<'v>(items: Items<'_>, list: &'v [Value]) -> Result<Vec<Keyed<'v>>, String> {
    list.iter()
        .enumerate()
        .map(|(index, item)| match items.key(item) {
            Ok(Step::Item(key)) => Ok((key, item)),
            Ok(Step::Field(_)) => unreachable!("an item is no field"),
            Err(why) => Err(format!("element {index}: {why}")),
        })
        .collect()
}

fn lay_items(items: Items<'_>, there: &[Value], applied: &[Value]) -> Result<Option<Value>, String> {
    let (there, applied) = (keyed(items, there)?, keyed(items, applied)?);
    let mut old: BTreeMap<&str, Option<&Value>> = BTreeMap::new();
    for (key, item) in &there {
        // What stands there twice is not merged with anything.
        old.entry(key).and_modify(|item| *item = None).or_insert(Some(item));
    }
    let new: BTreeMap<&str, &Value> = applied.iter().map(|(key, item)| (&**key, *item)).collect();
    let mut shared = applied.iter().map(|(key, _)| &**key).filter(|key| old.contains_key(key));
    let mut next_shared = shared.next();
    let (mut merged, mut done): (Vec<Value>, BTreeMap<&str, ()>) = Default::default();
    let (mut left, mut right) = (0, 0);
    while left < there.len() || right < applied.len() {
        if let (Some((key, _)), Some((wanted, _))) = (there.get(left), applied.get(right)) {
            if key == wanted {
                done.insert(key, ());
                merged.extend(lay(items.form, old[&**key], Some(new[&**key]))?);
                (left, right, next_shared) = (left + 1, right + 1, shared.next());
                continue;
            }
            if new.contains_key(&**key) && next_shared.is_some_and(|next| *next != **key) {
                left += 1;
                continue;
            }
        }
        if let Some((key, item)) = there.get(left) {
            if !new.contains_key(&**key) {
                merged.extend(lay(items.form, Some(item), None)?);
                left += 1;
                continue;
            }
            if done.contains_key(&**key) {
                left += 1;
            }
        }
        if let Some((key, item)) = applied.get(right) {
            done.insert(key, ());
            merged.extend(lay(items.form, old.get(&**key).copied().flatten(), Some(item))?);
            right += 1;
            if next_shared == Some(key) {
                next_shared = shared.next();
            }
        }
    }
    Ok((!merged.is_empty()).then_some(Value::Array(merged)))
}

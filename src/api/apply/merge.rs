//! Laying what is applied over what is there.

use serde_json::{Map, Value};

use super::compare::{is_void, list, map};
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
    let leaf = || Ok(applied.or(there).cloned());
    if is_void(there) && is_void(applied) {
        return leaf();
    }
    match form.parts(applied.filter(|applied| !applied.is_null()).or(there)) {
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

/// Items that are only there come as early as the order of what is applied allows: each directly after the one that it follows.
fn lay_items(items: Items<'_>, there: &[Value], applied: &[Value]) -> Result<Option<Value>, String> {
    let (there, applied) = (keyed(items, there)?, keyed(items, applied)?);
    let is_applied = |key: &str| applied.iter().any(|(wanted, _)| **wanted == *key);
    // What stands there twice is not merged with anything.
    let same = |key: &str| {
        let mut same = there.iter().filter(|(known, _)| **known == *key).map(|(_, item)| *item);
        same.next().filter(|_| same.next().is_none())
    };
    let is_there = |key: &str| there.iter().any(|(known, _)| **known == *key);
    let mut left = there.iter().peekable();
    let mut merged = Vec::new();
    for (index, (key, item)) in applied.iter().enumerate() {
        // The rest waits for the next item that both have; those whose turn was earlier or comes later stand with what is applied.
        let next_shared = applied[index..].iter().map(|(key, _)| key).find(|key| is_there(key));
        while let Some((known, kept)) = left.next_if(|(known, _)| Some(known) != next_shared) {
            if !is_applied(known) {
                merged.extend(lay(items.form, Some(kept), None)?);
            }
        }
        if next_shared == Some(key) {
            left.next();
        }
        merged.extend(lay(items.form, same(key), Some(item))?);
    }
    for (_, kept) in left.filter(|(known, _)| !is_applied(known)) {
        merged.extend(lay(items.form, Some(kept), None)?);
    }
    Ok((!merged.is_empty()).then_some(Value::Array(merged)))
}

//! The fields that an object has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::field_set::{FieldSet, Step};
use super::form::{Form, Items, Parts};

/// Every field of an object that somebody who applies it comes to own: leaves, items of lists and of maps.
pub fn extent(form: Form<'_>, object: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    walk(form, object, &mut Vec::new(), &mut set);
    set
}

fn walk<'v>(form: Form<'_>, value: &'v Value, path: &mut Vec<Step<'v>>, set: &mut FieldSet) {
    match (form.parts(Some(value)), value) {
        (Parts::Leaf, _) => set.insert(path),
        (Parts::List(items), Value::Array(list)) => items_of(items, list, path, set),
        (Parts::Struct(fields), Value::Object(object)) => {
            for (name, value) in object {
                let Some(form) = fields.form(name) else { continue };
                path.push(Step::Field(name));
                walk(form, value, path, set);
                if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) || !fields.declares(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Parts::Map(form), Value::Object(object)) => {
            for (name, value) in object {
                path.push(Step::Field(name));
                walk(form, value, path, set);
                set.insert(path);
                path.pop();
            }
        }
        _ => {}
    }
}

fn items_of<'v>(items: Items<'_>, list: &'v [Value], path: &mut Vec<Step<'v>>, set: &mut FieldSet) {
    let mut by_key: BTreeMap<Box<str>, Vec<&Value>> = BTreeMap::new();
    for item in list {
        if let Ok(Step::Item(key)) = items.key(item) {
            by_key.entry(key).or_default().push(item);
        }
    }
    for (key, same) in by_key {
        path.push(Step::Item(key));
        if let [item] = *same {
            walk(items.form, item, path, set);
        }
        set.insert(path);
        path.pop();
    }
}

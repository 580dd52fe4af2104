//! Items of a set, or of a list that is a map, are there once (upstream: `structural-schema/listtype`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::schema::Structural;
use crate::api::schema::ListType;
use crate::api::validation::{ErrorList, Path};

/// Every item that is there for the second time.
pub fn duplicates(value: &Value, schema: &Structural, path: &Path, errors: &mut ErrorList) {
    match value {
        Value::Array(items) => {
            let mut seen = BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let at = path.index(index);
                let key = match schema.list_type {
                    ListType::Atomic => None,
                    ListType::Set => Some(item.clone()),
                    ListType::Map => key(item, &schema.list_map_keys),
                };
                if let Some(key) = key
                    && !seen.insert(key.to_string())
                {
                    errors.duplicate(&at, key);
                }
            }
            if let Some(of_items) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    duplicates(item, of_items, &path.index(index), errors);
                }
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(of_field) = schema.properties.get(name.as_str()) {
                    duplicates(field, of_field, &path.child(name), errors);
                } else if let Some(of_values) = schema.field(name) {
                    duplicates(field, of_values, &path.key(name), errors);
                }
            }
        }
        _ => {}
    }
}

/// What tells an item from others.
pub fn key(item: &Value, keys: &[Box<str>]) -> Option<Value> {
    let fields = item.as_object()?;
    let of = |key: &str| Some((key.to_owned(), fields.get(key)?.clone()));
    Some(Value::Object(keys.iter().filter_map(|key| of(key)).collect::<Map<_, _>>()))
}

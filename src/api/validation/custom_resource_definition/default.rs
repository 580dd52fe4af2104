//! The defaults of a schema: each is what the schema takes.

use serde_json::{Map, Value};

use super::super::{ErrorList, Path};
use super::{entries, flag, set, value};

pub fn defaults(schema: &Value, path: &Path) -> ErrorList {
    let mut errors = ErrorList::default();
    within(schema, true, false, path, &mut errors);
    errors
}

fn within(schema: &Value, is_root: bool, is_inside_metadata: bool, path: &Path, errors: &mut ErrorList) {
    let is_object = is_root || flag(schema, "x-kubernetes-embedded-resource");
    if let Some(default) = set(schema, "default") {
        let at = path.child("default");
        if !is_inside_metadata && pruned(default, schema, is_object) != *default {
            errors.invalid(&at, default.clone(), "must not have unknown fields");
        }
        errors.extend(value::value(default, schema, &at));
    }
    if let Some(item) = set(schema, "items") {
        within(item, false, is_inside_metadata && !is_object, &path.child("items"), errors);
    }
    let properties = path.child("properties");
    for (name, field) in entries(schema, "properties") {
        let is_metadata = is_object && matches!(name.as_str(), "metadata" | "apiVersion" | "kind");
        within(field, false, is_metadata || is_inside_metadata && !is_object, &properties.key(name), errors);
    }
}

/// A value without the fields that its schema does not know.
fn pruned(value: &Value, schema: &Value, is_object: bool) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| set(schema, "items").map_or(item.clone(), |of| pruned(item, of, false))).collect(),
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, field)| Some((name.clone(), pruned_field(name, field, schema, is_object)?)));
            kept.collect::<Map<_, _>>().into()
        }
        scalar => scalar.clone(),
    }
}

fn pruned_field(name: &str, field: &Value, schema: &Value, is_object: bool) -> Option<Value> {
    if (is_object || flag(schema, "x-kubernetes-embedded-resource")) && matches!(name, "apiVersion" | "kind" | "metadata") {
        return Some(field.clone());
    }
    let known = set(schema, "properties").and_then(|properties| set(properties, name));
    match known.or_else(|| set(schema, "additionalProperties").filter(|values| values.is_object())) {
        Some(known) => Some(pruned(field, known, false)),
        None if schema["additionalProperties"] == true || flag(schema, "x-kubernetes-preserve-unknown-fields") => Some(field.clone()),
        None => None,
    }
}

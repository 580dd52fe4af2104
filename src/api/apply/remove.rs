//! Taking fields out of an object.

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Step};
use super::form::{Form, Parts};

/// The object without some fields. What is left of a list or an object that loses all it has is null.
pub fn remove(form: Form<'_>, value: &Value, fields: &FieldSet) -> Value {
    match (form.parts(Some(value)), value) {
        (Parts::List(items), Value::Array(list)) => {
            let kept = list.iter().filter_map(|item| match items.key(item) {
                Ok(step) => without(items.form, item, &step, fields),
                Err(_) => Some(item.clone()),
            });
            let kept: Vec<Value> = kept.collect();
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        (Parts::Struct(known), Value::Object(object)) => remove_from(|name| known.form(name), object, fields),
        (Parts::Map(form), Value::Object(object)) => remove_from(|_| Some(form), object, fields),
        _ => value.clone(),
    }
}

fn remove_from<'f>(form: impl Fn(&str) -> Option<Form<'f>>, object: &Map<String, Value>, fields: &FieldSet) -> Value {
    let kept = object.iter().filter_map(|(name, value)| {
        let kept = match form(name) {
            Some(form) => without(form, value, &Step::Field(name), fields)?,
            None => value.clone(),
        };
        Some((name.clone(), kept))
    });
    let kept: Map<String, Value> = kept.collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

fn without(form: Form<'_>, value: &Value, step: &Step<'_>, fields: &FieldSet) -> Option<Value> {
    if fields.has(step) {
        return None;
    }
    Some(fields.below(step).map_or_else(|| value.clone(), |below| remove(form, value, below)))
}

//! Whether what is applied is an object of its type.

use serde_json::Value;

use super::field_set::Step;
use super::form::{Expected, Form, Items, Parts};

/// # Errors
/// All that is wrong, with places, in upstream's words.
pub fn check(form: Form<'_>, value: &Value) -> Result<(), String> {
    let mut faults = Vec::new();
    look(form, value, "", &mut faults);
    match &*faults {
        [] => Ok(()),
        [fault] => Err(fault.clone()),
        _ => Err(format!("errors:\n  {}", faults.join("\n  "))),
    }
}

fn look(form: Form<'_>, value: &Value, path: &str, faults: &mut Vec<String>) {
    let mut fault = |why: String| faults.push(if path.is_empty() { why } else { format!("{path}: {why}") });
    if value.is_null() {
        return;
    }
    match form.expected() {
        Expected::List => match value {
            Value::Array(list) => look_at_items(form, list, path, faults),
            other => fault(format!("expected list, got {}", shown(other))),
        },
        Expected::Object => match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let below = format!("{path}.{name}");
                    match (form.known(), form.item()) {
                        (Some(known), _) => match known.form(name) {
                            Some(form) => look(form, value, &below, faults),
                            None => faults.push(format!("{below}: field not declared in schema")),
                        },
                        (None, Some(item)) => look(item, value, &below, faults),
                        (None, None) => {}
                    }
                }
            }
            other => fault(format!("expected map, got {}", shown(other))),
        },
        Expected::Text if !value.is_string() => fault(format!("expected string, got {}", shown(value))),
        Expected::Flag if !value.is_boolean() => fault(format!("expected boolean, got {}", shown(value))),
        Expected::Number if !value.is_number() => fault(format!("expected numeric (int or float), got {}", go_type(value))),
        Expected::Scalar if value.is_object() || value.is_array() => fault(format!("expected any scalar, got {}", shown(value))),
        _ => {}
    }
}

fn look_at_items(form: Form<'_>, list: &[Value], path: &str, faults: &mut Vec<String>) {
    let keyed: Option<Items<'_>> = match form.parts(None) {
        Parts::List(items) => Some(items),
        _ => None,
    };
    let mut seen: Vec<String> = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let key = match keyed.map(|items| items.key(item)) {
            None | Some(Ok(Step::Field(_))) => format!("[{index}]"),
            Some(Ok(Step::Item(step))) => super::field_set::shown(&step),
            Some(Err(why)) => {
                faults.push(format!("{path}: element {index}: {why}"));
                return;
            }
        };
        if seen.contains(&key) {
            faults.push(format!("{path}: duplicate entries for key {key}"));
        }
        if let Some(form) = form.item() {
            look(form, item, &format!("{path}{key}"), faults);
        }
        seen.push(key);
    }
}

/// A value as Go prints one.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        _ => "int64",
    }
}

//! Whether a value is one that a schema takes, in the words of `kube-openapi`.

use serde_json::{Value, json};

use super::super::{ErrorList, FieldErrorKind, Path};
use super::{flag, items, set, text};
use crate::api::schema::json_type;

pub fn value(value: &Value, schema: &Value, path: &Path) -> ErrorList {
    let mut errors = ErrorList::default();
    judge(value, schema, "", path, &mut errors);
    errors
}

/// `name` is the way to the value from where the judgment began, which upstream's words begin with.
fn judge(value: &Value, schema: &Value, name: &str, path: &Path, errors: &mut ErrorList) {
    if value.is_null() && flag(schema, "nullable") {
        return;
    }
    let wanted = text(schema, "type");
    let found = json_type(value);
    let is_either = flag(schema, "x-kubernetes-int-or-string") && matches!(found, "integer" | "string");
    let fits = is_either || wanted.is_empty() || found == wanted || wanted == "number" && found == "integer";
    if !fits {
        let message = format!("Invalid value: {found:?}: {name} in body must be of type {wanted}: {found:?}");
        return errors.push(FieldErrorKind::TypeInvalid, path.to_string(), message);
    }
    let listed = items(schema, "enum");
    if !listed.is_empty() && !listed.contains(value) {
        let words: Vec<String> = listed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        errors.not_supported(path, value.clone(), &words);
    }
    match value {
        Value::Number(number) => self::number(number.as_f64().unwrap_or_default(), value, schema, name, path, errors),
        Value::String(text) => self::string(text, schema, name, path, errors),
        Value::Array(list) => array(list, schema, name, path, errors),
        Value::Object(_) => object(value, schema, name, path, errors),
        _ => {}
    }
}

fn bound(schema: &Value, field: &str) -> Option<f64> {
    schema.get(field).and_then(Value::as_f64)
}

fn number(number: f64, value: &Value, schema: &Value, name: &str, path: &Path, errors: &mut ErrorList) {
    if let Some(most) = bound(schema, "maximum") {
        let (is_exclusive, limit) = (flag(schema, "exclusiveMaximum"), &schema["maximum"]);
        if number > most || is_exclusive && number >= most {
            let or_equal = if is_exclusive { "" } else { " or equal to" };
            errors.invalid(path, value.clone(), &format!("{name} in body should be less than{or_equal} {limit}"));
        }
    }
    if let Some(least) = bound(schema, "minimum") {
        let (is_exclusive, limit) = (flag(schema, "exclusiveMinimum"), &schema["minimum"]);
        if number < least || is_exclusive && number <= least {
            let or_equal = if is_exclusive { "" } else { " or equal to" };
            errors.invalid(path, value.clone(), &format!("{name} in body should be greater than{or_equal} {limit}"));
        }
    }
    if let Some(factor) = bound(schema, "multipleOf").filter(|factor| *factor > 0.0)
        && (number / factor).fract() != 0.0
    {
        errors.invalid(path, value.clone(), &format!("{name} in body should be a multiple of {}", schema["multipleOf"]));
    }
}

fn count(schema: &Value, field: &str) -> Option<usize> {
    schema.get(field).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok())
}

fn string(text: &str, schema: &Value, name: &str, path: &Path, errors: &mut ErrorList) {
    let length = text.chars().count();
    if let Some(most) = count(schema, "maxLength").filter(|most| length > *most) {
        errors.too_long(path, most);
    }
    if let Some(least) = count(schema, "minLength").filter(|least| length < *least) {
        errors.invalid(path, text, &format!("{name} in body should be at least {least} chars long"));
    }
    let pattern = self::text(schema, "pattern");
    if regex::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)) {
        errors.invalid(path, text, &format!("{name} in body should match '{pattern}'"));
    }
}

fn array(list: &[Value], schema: &Value, name: &str, path: &Path, errors: &mut ErrorList) {
    if let Some(most) = count(schema, "maxItems").filter(|most| list.len() > *most) {
        errors.too_many(path, list.len(), most);
    }
    if let Some(least) = count(schema, "minItems").filter(|least| list.len() < *least) {
        errors.invalid(path, json!(list.len()), &format!("{name} in body should have at least {least} items"));
    }
    let Some(of_items) = set(schema, "items") else { return };
    for (index, item) in list.iter().enumerate() {
        judge(item, of_items, &format!("{name}[{index}]"), &path.index(index), errors);
    }
}

fn object(value: &Value, schema: &Value, name: &str, path: &Path, errors: &mut ErrorList) {
    for required in items(schema, "required").iter().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            errors.required(&path.child(required), "");
        }
    }
    let values = set(schema, "additionalProperties").filter(|values| values.is_object());
    let fields = entries_of(value);
    if let Some(most) = count(schema, "maxProperties").filter(|most| fields.len() > *most) {
        errors.too_many(path, fields.len(), most);
    }
    if let Some(least) = count(schema, "minProperties").filter(|least| fields.len() < *least) {
        errors.invalid(path, json!(fields.len()), &format!("{name} in body should have at least {least} properties"));
    }
    for (field, inner) in fields {
        let known = set(schema, "properties").and_then(|properties| set(properties, field));
        if let Some(of_field) = known.or(values) {
            let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
            judge(inner, of_field, &name, &path.child(field), errors);
        }
    }
}

fn entries_of(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().into_iter().flatten().collect()
}

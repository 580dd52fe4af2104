//! The rules of a schema, in CEL (KEP-2876).

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::expression::{Names, Type, compile, is_reserved, mentions};
use super::super::words::one_of;
use super::super::{ErrorList, Path, internal};
use super::field_path::{Arrays, field_path};
use super::{entries, flag, items, set, structural, text};

const RULES: &str = "x-kubernetes-validations";
const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
/// What is said beside the expressions.
pub fn forms(schema: &Value, path: &Path, errors: &mut ErrorList) {
    let path = path.child(RULES);
    for (index, rule) in items(schema, RULES).iter().enumerate() {
        form(rule, schema, &path.index(index), errors);
    }
}

fn form(rule: &Value, schema: &Value, path: &Path, errors: &mut ErrorList) {
    let has_breaks = |text: &str| text.contains(['\n', '\r']);
    let (expression, message) = (text(rule, "rule").trim(), text(rule, "message"));
    if expression.is_empty() {
        errors.required(&path.child("rule"), "rule is not specified");
    } else if !message.is_empty() && message.trim().is_empty() {
        errors.invalid(&path.child("message"), message, "must be non-empty if specified");
    } else if has_breaks(message.trim()) {
        errors.invalid(&path.child("message"), message, "must not contain line breaks");
    } else if has_breaks(expression) && message.is_empty() {
        errors.required(&path.child("message"), "must be specified if rule contains line breaks");
    }
    let telling = text(rule, "messageExpression");
    if !telling.is_empty() && telling.trim().is_empty() {
        errors.required(&path.child("messageExpression"), "must be non-empty if specified");
    }
    one_of(rule.get("reason").and_then(Value::as_str), &REASONS, &path.child("reason"), errors);
    let (field, at) = (text(rule, "fieldPath"), path.child("fieldPath"));
    if field.is_empty() {
        return;
    }
    if field.trim().is_empty() {
        errors.invalid(&at, field, "must be non-empty if specified");
    }
    if has_breaks(field) {
        errors.invalid(&at, field, "must not contain line breaks");
    }
    if structural::unsupported(schema).is_none() && field_path(field, schema, Arrays::Taken).is_err() {
        errors.invalid(&at, field, "must be a valid path");
    }
}

/// The expressions. `uncorrelated` is the place from which on an old value is not known to be that of the new one.
pub fn rules(schema: &Value, uncorrelated: Option<&str>, is_root: bool, path: &Path, errors: &mut ErrorList) {
    let rules = items(schema, RULES);
    if rules.is_empty() {
        return;
    }
    let own = declared(schema, is_root).unwrap_or(Type::Unknown);
    let path = path.child(RULES);
    for (index, rule) in rules.iter().enumerate() {
        let at = path.index(index);
        let optional = rule.get("optionalOldSelf").and_then(Value::as_bool);
        let old = if optional == Some(true) { Type::Unknown } else { own.clone() };
        let names = Names::from([("self".to_owned(), own.clone()), ("oldSelf".to_owned(), old)]);
        let expression = text(rule, "rule");
        match compile(expression, &names) {
            Ok(Type::Bool | Type::Unknown) => {}
            Ok(_) => errors.invalid(&at.child("rule"), internal(rule), "cel expression must evaluate to a bool"),
            Err(why) => errors.invalid(&at.child("rule"), internal(rule), &why),
        }
        let telling = text(rule, "messageExpression");
        let wrong = match compile(telling, &names) {
            _ if telling.is_empty() => None,
            Ok(Type::String | Type::Unknown) => None,
            Ok(_) => Some("messageExpression must evaluate to a string".to_owned()),
            Err(why) => Some(format!("messageExpression {why}")),
        };
        if let Some(why) = wrong {
            errors.invalid(&at.child("messageExpression"), internal(rule), &why);
        }
        match (mentions(expression, "oldSelf"), uncorrelated, optional) {
            (true, Some(place), _) => {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {place}");
                errors.invalid(&at.child("rule"), expression, &why);
            }
            (false, _, Some(optional)) => {
                errors.invalid(&at.child("optionalOldSelf"), optional, "may not be set if oldSelf is not used in rule");
            }
            _ => {}
        }
    }
}

/// The type of the values of a schema; `None` for what rules cannot speak of.
fn declared(schema: &Value, is_root: bool) -> Option<Type> {
    if flag(schema, "x-kubernetes-int-or-string") {
        return Some(Type::Dyn);
    }
    match text(schema, "type") {
        "boolean" => Some(Type::Bool),
        "integer" => Some(Type::Int),
        "number" => Some(Type::Double),
        "string" => Some(match text(schema, "format") {
            "byte" => Type::Bytes,
            "duration" => Type::Duration,
            "date" | "date-time" => Type::Timestamp,
            _ => Type::String,
        }),
        "array" => declared(set(schema, "items")?, false).map(Type::list),
        "object" => match set(schema, "additionalProperties").filter(|values| values.is_object()) {
            Some(values) => Some(Type::map(Type::String, declared(values, false)?)),
            None => Some(Type::Object(fields(schema, is_root || flag(schema, "x-kubernetes-embedded-resource")))),
        },
        _ => None,
    }
}

/// The fields that rules can name. Every object of the API says its kind and its name.
fn fields(schema: &Value, is_object: bool) -> BTreeMap<String, Type> {
    let mut fields: BTreeMap<String, Type> =
        entries(schema, "properties").filter_map(|(name, field)| Some((escaped(name), declared(field, false)?))).collect();
    if is_object {
        fields.insert("apiVersion".to_owned(), Type::String);
        fields.insert("kind".to_owned(), Type::String);
        fields.insert("metadata".to_owned(), Type::object([("name", Type::String), ("generateName", Type::String)]));
    }
    fields
}

/// The name of a field as CEL can say it.
fn escaped(name: &str) -> String {
    if is_reserved(name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__")
}

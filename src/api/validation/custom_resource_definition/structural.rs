//! Structural schemas (KEP-1693): every field has one type, and what judges values stands apart from what says their structure.

use serde_json::{Value, json};

use super::super::{ErrorList, Path};
use super::{entries, flag, items, set, text};

/// Where in an object a schema applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Why a schema has no structure at all, if so.
pub fn unsupported(schema: &Value) -> Option<String> {
    let mut why = None;
    super::schema::visit(schema, &mut |schema| {
        let names = ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"];
        let found = names.into_iter().find(|name| set(schema, name).is_some_and(|value| !is_empty(value)));
        let message = match found {
            Some(name) => Some(format!("OpenAPIV3Schema '{}' is not supported", if name == "$schema" { "schema" } else { name })),
            None if schema["items"].is_array() => Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned()),
            None if schema["x-kubernetes-preserve-unknown-fields"] == false => {
                Some("internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined".to_owned())
            }
            None => None,
        };
        why = why.take().or(message);
    });
    why
}

fn is_empty(value: &Value) -> bool {
    value == "" || value.as_object().is_some_and(|object| object.is_empty())
}

/// All that is not structural, in the order of the alphabet.
pub fn structural(schema: &Value, path: &Path) -> ErrorList {
    let mut errors = ErrorList::default();
    invariants(schema, Level::Root, path, &mut errors);
    complete(schema, Some(schema), path, path, &mut errors);
    errors.0.sort_by_key(|error| format!("{}: {}", error.field, error.message));
    errors
}

fn invariants(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    let kind = text(schema, "type");
    match set(schema, "items") {
        None if kind == "array" => errors.required(&path.child("items"), "must be specified"),
        None => {}
        Some(item) => invariants(item, Level::Item, &path.child("items"), errors),
    }
    let properties = path.child("properties");
    for (name, field) in entries(schema, "properties") {
        invariants(field, Level::Field, &properties.key(name), errors);
    }
    if let Some(values) = set(schema, "additionalProperties") {
        let at = path.child("additionalProperties");
        if level == Level::Root {
            errors.forbidden(&at, "must not be used at the root");
        }
        if values.is_object() {
            invariants(values, Level::Field, &at, errors);
        }
    }
    extensions(schema, path, errors);
    value_validation(schema, is_either(items(schema, "anyOf")), is_first_either(schema), path, errors);
    own_type(schema, level, path, errors);
    metadata(schema, level, path, errors);
    let is_embedded = flag(schema, "x-kubernetes-embedded-resource");
    if is_embedded && !preserves(schema) && entries(schema, "properties").next().is_none() {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        errors.required(&properties, why);
    }
}

fn preserves(schema: &Value) -> bool {
    flag(schema, "x-kubernetes-preserve-unknown-fields")
}

fn extensions(schema: &Value, path: &Path, errors: &mut ErrorList) {
    if !flag(schema, "x-kubernetes-int-or-string") {
        return;
    }
    for field in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if flag(schema, field) {
            errors.invalid(&path.child(field), true, "must be false if x-kubernetes-int-or-string is true");
        }
    }
}

fn own_type(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    let (kind, at) = (text(schema, "type"), path.child("type"));
    if flag(schema, "x-kubernetes-embedded-resource") {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        match kind {
            "object" => {}
            "" => errors.required(&at, why),
            kind => errors.invalid(&at, kind, why),
        }
        if set(schema, "additionalProperties").is_some() {
            errors.forbidden(&path.child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
        }
    } else if kind.is_empty() && !flag(schema, "x-kubernetes-int-or-string") && !preserves(schema) {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.required(&at, why);
    }
    if level == Level::Root && !matches!(kind, "" | "object") {
        errors.invalid(&at, kind, "must be object at the root");
    }
}

/// What every object has is not for a schema to say, but for how it is named.
fn metadata(schema: &Value, level: Level, path: &Path, errors: &mut ErrorList) {
    let is_object = level == Level::Root || flag(schema, "x-kubernetes-embedded-resource");
    let properties = path.child("properties");
    let field = |name: &str| schema.get("properties").and_then(|properties| set(properties, name));
    for name in ["kind", "apiVersion"] {
        if let Some(field) = field(name).filter(|field| is_object && text(field, "type") != "string") {
            errors.invalid(&properties.key(name).child("type"), text(field, "type"), "must be string");
        }
    }
    let Some(metadata) = field("metadata") else { return };
    let at = properties.key("metadata");
    if is_object && text(metadata, "type") != "object" {
        errors.invalid(&at.child("type"), text(metadata, "type"), "must be object");
    }
    let says_only_names = entries(metadata, "properties").all(|(name, _)| name == "name" || name == "generateName");
    let says_only = |field: &String| field == "type" || field == "default" || field == "properties" && says_only_names;
    if level == Level::Root && !metadata.as_object().is_none_or(|fields| fields.keys().all(says_only)) {
        errors.forbidden(&at, "must not specify anything other than name and generateName, but metadata is implicitly specified");
    }
}

/// `anyOf` an integer or a text, which is how `x-kubernetes-int-or-string` may be written.
fn is_either(any: &[Value]) -> bool {
    *any == [json!({"type": "integer"}), json!({"type": "string"})]
}

fn is_first_either(schema: &Value) -> bool {
    items(schema, "allOf").first().is_some_and(|first| is_either(items(first, "anyOf")))
}

/// What a schema and those that it is combined with say of values.
fn value_validation(schema: &Value, skip_any: bool, skip_first_any: bool, path: &Path, errors: &mut ErrorList) {
    for junctor in ["anyOf", "allOf", "oneOf"] {
        let at = path.child(junctor);
        for (index, one) in items(schema, junctor).iter().enumerate().filter(|_| junctor != "anyOf" || !skip_any) {
            nested(one, junctor == "allOf" && skip_first_any && index == 0, &at.index(index), errors);
        }
    }
    if let Some(not) = set(schema, "not") {
        nested(not, false, &path.child("not"), errors);
    }
    let pattern = text(schema, "pattern");
    if let Err(error) = regex::Regex::new(pattern) {
        let why = format!("must be a valid regular expression, but isn't: error parsing regexp: {error}");
        errors.invalid(&path.child("pattern"), pattern, &why);
    }
}

/// What is combined says nothing of structure.
fn nested(schema: &Value, skip_any: bool, path: &Path, errors: &mut ErrorList) {
    value_validation(schema, skip_any, false, path, errors);
    if let Some(item) = set(schema, "items") {
        nested(item, false, &path.child("items"), errors);
    }
    let properties = path.child("properties");
    for (name, field) in entries(schema, "properties") {
        nested(field, false, &properties.key(name), errors);
    }
    let forbidden = [
        ("type", "empty"),
        ("additionalProperties", "undefined"),
        ("default", "undefined"),
        ("title", "empty"),
        ("description", "empty"),
        ("nullable", "false"),
        ("externalDocs", "undefined"),
        ("x-kubernetes-preserve-unknown-fields", "false"),
        ("x-kubernetes-embedded-resource", "false"),
        ("x-kubernetes-int-or-string", "false"),
        ("x-kubernetes-list-map-keys", "empty"),
        ("x-kubernetes-list-type", "undefined"),
        ("x-kubernetes-map-type", "undefined"),
        ("x-kubernetes-validations", "empty"),
    ];
    for (field, instead) in forbidden {
        let says_something = |value: &Value| match instead {
            "undefined" => true,
            _ => *value != false && *value != "" && *value != json!([]),
        };
        if set(schema, field).is_some_and(says_something) {
            errors.forbidden(&path.child(field), &format!("must be {instead} to be structural"));
        }
    }
    if set(schema, "properties").is_some_and(|fields| set(fields, "metadata").is_some()) {
        errors.forbidden(&properties.key("metadata"), "must not be specified in a nested context");
    }
}

/// What is said of a field within a combination is also said outside of it.
fn complete(combined: &Value, structure: Option<&Value>, place: &Path, path: &Path, errors: &mut ErrorList) {
    for junctor in ["allOf", "anyOf", "oneOf"] {
        let at = path.child(junctor);
        for (index, one) in items(combined, junctor).iter().enumerate() {
            complete_nested(one, structure, place, &at.index(index), errors);
        }
    }
    if let Some(not) = set(combined, "not") {
        complete_nested(not, structure, place, &path.child("not"), errors);
    }
}

fn complete_nested(one: &Value, structure: Option<&Value>, place: &Path, path: &Path, errors: &mut ErrorList) {
    let Some(known) = structure else { return errors.required(place, &format!("because it is defined in {path}")) };
    complete(one, structure, place, path, errors);
    if let Some(item) = set(one, "items") {
        complete_nested(item, set(known, "items"), &place.child("items"), &path.child("items"), errors);
    }
    let (place, path) = (place.child("properties"), path.child("properties"));
    for (name, field) in entries(one, "properties") {
        let inner = set(known, "properties").and_then(|fields| set(fields, name));
        complete_nested(field, inner, &place.key(name), &path.key(name), errors);
    }
}

//! What a schema may say.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{ErrorList, Path, internal};
use super::{default, entries, flag, items, rule, set, structural, text};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// Of what may be said at the root of a schema whose status is a subresource, the fields by their names in JSON, and as Go prints the list.
const AT_ROOT: &str = "description format title maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems \
                       uniqueItems multipleOf required items properties externalDocs example x-kubernetes-preserve-unknown-fields \
                       x-kubernetes-validations";
const AT_ROOT_SHOWN: &str = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern \
MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";

/// Shows every schema within a schema, and the schema itself first.
pub fn visit<'s>(schema: &'s Value, see: &mut impl FnMut(&'s Value)) {
    see(schema);
    for field in ["allOf", "anyOf", "oneOf", "items"] {
        for inner in items(schema, field) {
            visit(inner, see);
        }
    }
    for field in ["items", "not", "additionalProperties", "additionalItems"] {
        if let Some(inner) = set(schema, field).filter(|inner| inner.is_object()) {
            visit(inner, see);
        }
    }
    for field in ["properties", "patternProperties", "definitions", "dependencies"] {
        for (_, inner) in entries(schema, field).filter(|(_, inner)| inner.is_object()) {
            visit(inner, see);
        }
    }
}

/// Whether a version's schema has a default anywhere.
pub fn has_default(validation: &Value) -> bool {
    let mut found = false;
    visit(&validation["openAPIV3Schema"], &mut |schema| found |= set(schema, "default").is_some());
    found
}

/// A version's schema, or that of all versions.
pub fn validation(validation: &Value, has_status: bool, path: &Path, errors: &mut ErrorList) {
    let Some(schema) = set(validation, "openAPIV3Schema") else { return };
    let mut found = ErrorList::default();
    if has_status {
        root(schema, path, &mut found);
    }
    if flag(schema, "nullable") {
        found.forbidden(&path.child("openAPIV3Schema.nullable"), "nullable cannot be true at the root");
    }
    let path = path.child("openAPIV3Schema");
    let unsupported = structural::unsupported(schema);
    let mut is_sound = unsupported.is_none();
    if is_sound {
        let mut wrong = structural::structural(schema, &path);
        if wrong.is_empty() {
            wrong = default::defaults(schema, &path);
        }
        is_sound = wrong.is_empty();
        found.extend(wrong);
    }
    let context = Context { is_root: true, compiles_rules: is_sound, ..Context::default() };
    let Judged { schemas, rules } = judge(schema, &path, &context);
    found.extend(schemas);
    found.extend(rules);
    if let Some(why) = unsupported.filter(|_| found.is_empty()) {
        found.invalid(&path, "", &why);
    }
    errors.extend(found);
}

/// The status has a schema of its own, so little may be said of all.
fn root(schema: &Value, path: &Path, errors: &mut ErrorList) {
    let kind = text(schema, "type");
    if !matches!(kind, "" | "object") {
        let why = "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
        errors.invalid(&path.child("openAPIV3Schema.type"), kind, why);
    }
    let says_more = |field: &String| {
        field != "type" && !AT_ROOT.split_whitespace().any(|known| known == field) && set(schema, field) != Some(&json!(false))
    };
    if schema.as_object().is_some_and(|fields| fields.keys().any(says_more)) {
        let why = format!("only {AT_ROOT_SHOWN} fields are allowed at the root of the schema if the status subresource is enabled");
        errors.invalid(&path.child("openAPIV3Schema"), internal(schema), &why);
    }
}

/// What is known of a schema from those around it.
#[derive(Clone, Default)]
struct Context {
    is_root: bool,
    /// Why there may be no defaults.
    no_defaults: Option<String>,
    is_inside_metadata: bool,
    /// The first schema around, whose old and new values cannot be told to be of the same thing.
    uncorrelated: Option<String>,
    compiles_rules: bool,
}

/// What is wrong with schemas, and then with their rules.
#[derive(Default)]
struct Judged {
    schemas: ErrorList,
    rules: ErrorList,
}

impl Judged {
    fn take(&mut self, other: Judged) {
        self.schemas.extend(other.schemas);
        self.rules.extend(other.rules);
    }
}

fn judge(schema: &Value, path: &Path, context: &Context) -> Judged {
    let mut judged = Judged::default();
    itself(schema, path, context, &mut judged.schemas);
    within(schema, path, context, &mut judged);
    lists(schema, path, &mut judged.schemas);
    rule::forms(schema, path, &mut judged.schemas);
    if context.compiles_rules && judged.schemas.is_empty() {
        rule::rules(schema, context.uncorrelated.as_deref(), context.is_root, path, &mut judged.rules);
    }
    judged
}

fn itself(schema: &Value, path: &Path, context: &Context, errors: &mut ErrorList) {
    let kind = text(schema, "type");
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.not_supported(&path.child("type"), kind, &TYPES);
    }
    if let Some(why) = context.no_defaults.as_ref().filter(|_| set(schema, "default").is_some()) {
        errors.forbidden(&path.child("default"), &format!("must not be set {why}"));
    }
    let is_there = |field: &str| set(schema, field).is_some_and(|value| *value != "" && *value != json!({}));
    for field in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if is_there(field) {
            errors.forbidden(&path.child(field), &format!("{field} is not supported"));
        }
    }
    if kind == "null" {
        errors.forbidden(&path.child("type"), "type cannot be set to null, use nullable as an alternative");
    }
    if schema["items"].is_array() {
        errors.forbidden(&path.child("items"), "items must be a schema object and not an array");
    }
    if context.is_inside_metadata && flag(schema, "x-kubernetes-embedded-resource") {
        errors.forbidden(&path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
    }
    if flag(schema, "uniqueItems") {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.forbidden(&path.child("uniqueItems"), why);
    }
    let values = set(schema, "additionalProperties");
    if entries(schema, "properties").next().is_some() && values.is_some_and(|values| *values != true) {
        let why = "additionalProperties and properties are mutual exclusive";
        errors.forbidden(&path.child("additionalProperties"), why);
    }
}

/// The schemas within.
fn within(schema: &Value, path: &Path, context: &Context, judged: &mut Judged) {
    let inner = Context { is_root: false, ..context.clone() };
    let opaque = || Context { compiles_rules: false, ..inner.clone() };
    let uncorrelated = |context: Context| Context { uncorrelated: context.uncorrelated.or_else(|| Some(path.to_string())), ..context };
    if let Some(values) = set(schema, "additionalProperties").filter(|values| values.is_object()) {
        let mut of_values = inner.clone();
        if context.is_inside_metadata {
            of_values.no_defaults = Some("inside additionalProperties applying to object metadata".to_owned());
        }
        judged.take(judge(values, &path.child("additionalProperties"), &of_values));
    }
    let properties = path.child("properties");
    for (name, field) in entries(schema, "properties") {
        let mut of_field = inner.clone();
        if text(schema, "x-kubernetes-map-type") == "atomic" {
            of_field = uncorrelated(of_field);
        }
        let is_object = context.is_root || flag(schema, "x-kubernetes-embedded-resource");
        if is_object && matches!(name.as_str(), "metadata" | "kind" | "apiVersion") {
            of_field.is_inside_metadata = true;
            if context.is_root {
                of_field.no_defaults = Some(format!("in top-level {name}"));
            }
        }
        judged.take(judge(field, &properties.key(name), &of_field));
    }
    if let Some(not) = set(schema, "not") {
        judged.take(judge(not, &path.child("not"), &opaque()));
    }
    for junctor in ["allOf", "oneOf", "anyOf"] {
        let at = path.child(junctor);
        for (index, one) in items(schema, junctor).iter().enumerate() {
            judged.take(judge(one, &at.index(index), &opaque()));
        }
    }
    if let Some(item) = set(schema, "items").filter(|item| item.is_object()) {
        let of_item = if text(schema, "x-kubernetes-list-type") == "map" { inner.clone() } else { uncorrelated(inner.clone()) };
        judged.take(judge(item, &path.child("items"), &of_item));
    }
}

/// How lists and maps are merged.
fn lists(schema: &Value, path: &Path, errors: &mut ErrorList) {
    let preserve = "x-kubernetes-preserve-unknown-fields";
    if schema[preserve] == false {
        errors.invalid(&path.child(preserve), false, "must be true or undefined");
    }
    merged_as(schema, ("x-kubernetes-map-type", "object"), &["atomic", "granular"], path, errors);
    merged_as(schema, ("x-kubernetes-list-type", "array"), &["atomic", "set", "map"], path, errors);
    let list = text(schema, "x-kubernetes-list-type");
    let item = set(schema, "items").filter(|item| item.is_object());
    if let Some(item) = item.filter(|_| list == "set" && text(schema, "type") == "array") {
        let (field, merged) = match text(item, "type") {
            "array" => ("x-kubernetes-list-type", !matches!(text(item, "x-kubernetes-list-type"), "" | "atomic")),
            "object" => ("x-kubernetes-map-type", text(item, "x-kubernetes-map-type") != "atomic"),
            _ => ("", false),
        };
        if merged {
            let shown = item.get("x-kubernetes-list-type").cloned().unwrap_or_default();
            errors.invalid(&path.child("items").child(field), shown, "must be atomic as item of a list with x-kubernetes-list-type=set");
        }
    }
    let keys = items(schema, "x-kubernetes-list-map-keys");
    if !keys.is_empty() && list != "map" {
        let (at, why) = (path.child("x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty");
        if list.is_empty() { errors.required(&at, why) } else { errors.invalid(&at, list, why) }
    }
    if list == "map" {
        list_map(schema, item, keys, path, errors);
    }
    if let Some(item) = item.filter(|_| matches!(list, "set" | "map")) {
        told_apart(item, list, keys, &path.child("items"), errors);
    }
}

fn merged_as(schema: &Value, (field, kind): (&str, &str), known: &[&str], path: &Path, errors: &mut ErrorList) {
    let Some(merged) = schema.get(field).and_then(Value::as_str) else { return };
    let why = format!("must be {kind} if {field} is specified");
    match text(schema, "type") {
        "" => errors.required(&path.child("type"), &why),
        found if found != kind => errors.invalid(&path.child("type"), found, &why),
        _ => {}
    }
    if !known.contains(&merged) {
        errors.not_supported(&path.child(field), merged, known);
    }
}

/// The items of a list that is a map are told apart by scalars that they have.
fn list_map(schema: &Value, item: Option<&Value>, keys: &[Value], path: &Path, errors: &mut ErrorList) {
    let (at_keys, at_items) = (path.child("x-kubernetes-list-map-keys"), path.child("items"));
    if keys.is_empty() {
        errors.required(&at_keys, "must not be empty if x-kubernetes-list-type is map");
    }
    let Some(item) = item else {
        return match set(schema, "items") {
            None => errors.required(&at_items, "must have a schema if x-kubernetes-list-type is map"),
            Some(list) => errors.invalid(&at_items, internal(list), "must only have a single schema if x-kubernetes-list-type is map"),
        };
    };
    let kind = text(item, "type");
    if kind != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        return errors.invalid(&at_items.child("type"), kind, why);
    }
    let mut seen = BTreeSet::new();
    let properties = at_items.child("properties");
    for key in keys.iter().filter_map(Value::as_str) {
        match set(item, "properties").and_then(|properties| set(properties, key)) {
            None => errors.invalid(&at_keys, json!(keys), "entries must all be names of item properties"),
            Some(field) if matches!(text(field, "type"), "array" | "object") => {
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                errors.invalid(&properties.key(key).child("type"), kind, why);
            }
            Some(_) => {}
        }
        if !seen.insert(key) {
            errors.invalid(&at_keys, json!(keys), "must not contain duplicate entries");
        }
    }
}

/// Nothing that tells items apart may be missing.
fn told_apart(item: &Value, list: &str, keys: &[Value], path: &Path, errors: &mut ErrorList) {
    if flag(item, "nullable") {
        errors.forbidden(&path.child("nullable"), &format!("cannot be nullable when x-kubernetes-list-type is {list}"));
    }
    if list != "map" {
        return;
    }
    let properties = path.child("properties");
    for key in keys.iter().filter_map(Value::as_str) {
        let Some(field) = set(item, "properties").and_then(|properties| set(properties, key)) else { continue };
        let at = properties.key(key);
        if !items(item, "required").iter().any(|required| required == key) && set(field, "default").is_none() {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            errors.required(&at.child("default"), why);
        }
        if flag(field, "nullable") {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.forbidden(&at.child("nullable"), why);
        }
    }
}

//! Whether a value is one that a schema takes, in the words of `kube-openapi`'s validator.

use serde_json::{Value, json};

use super::format;
use super::lists;
use super::schema::{Checks, Structural, Types};
use crate::api::schema::{ListType, json_type};
use crate::api::validation::{ErrorList, FieldErrorKind, Path};

/// What is wrong with a value. What stands there as it did in `old` stays, whatever the schema says of it by now (KEP-4008).
pub fn judge(value: &Value, old: Option<&Value>, schema: &Structural, path: &Path) -> ErrorList {
    let base = path.to_string();
    look(value, old, schema, Place { base: &base, path }).errors
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The path from where the judgment began: messages name what comes after.
    base: &'a str,
    path: &'a Path<'a>,
}

impl Place<'_> {
    fn name(&self) -> String {
        let path = self.path.to_string();
        let name = path.strip_prefix(self.base).unwrap_or(&path);
        name.strip_prefix('.').unwrap_or(name).to_owned()
    }
}

#[derive(Default)]
struct Outcome {
    errors: ErrorList,
    /// How many judgments were passed: of alternatives that all fail, the one that passed most tells why.
    passed: usize,
}

impl Outcome {
    fn take(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.passed += other.passed;
    }

    /// One judgment, with the whole text after the field.
    fn refuse(&mut self, kind: FieldErrorKind, place: Place<'_>, message: String) {
        self.errors.push(kind, place.path.to_string(), message);
    }

    /// On the value as a whole, whose field upstream does not name.
    fn whole(&mut self, place: Place<'_>, why: &str) {
        let field = if place.base.is_empty() { "<nil>" } else { place.base };
        self.errors.push(FieldErrorKind::Invalid, field, format!("Invalid value: \"\": \"{}\" {why}", place.name()));
    }
}

fn look(value: &Value, old: Option<&Value>, schema: &Structural, place: Place<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if old == Some(value) || value.is_null() && schema.nullable {
        outcome.passed += 1;
        return outcome;
    }
    if schema.types.takes(value) {
        outcome.passed += 1;
    } else {
        let (wanted, found) = (schema.types.names(), json_type(value));
        let message = format!("Invalid value: {found:?}: {} in body must be of type {wanted}: {found:?}", place.name());
        outcome.refuse(FieldErrorKind::TypeInvalid, place, message);
    }
    if let Some(checks) = &schema.checks {
        alternatives(value, checks, place, &mut outcome);
        enumeration(value, checks, place, &mut outcome);
    }
    match value {
        Value::Number(_) => number(value, schema, place, &mut outcome),
        Value::String(text) => self::text(text, schema, place, &mut outcome),
        Value::Array(list) => items(list, old, schema, place, &mut outcome),
        Value::Object(_) => fields(value, old, schema, place, &mut outcome),
        _ => {}
    }
    outcome
}

fn alternatives(value: &Value, checks: &Checks, place: Place<'_>, outcome: &mut Outcome) {
    let of = |schemas: &[Structural]| -> Vec<Outcome> { schemas.iter().map(|schema| look(value, None, schema, place)).collect() };
    // The first of those that passed most.
    let best = |outcomes: Vec<Outcome>| outcomes.into_iter().rev().max_by_key(|outcome| outcome.passed).unwrap_or_default();
    let any = of(&checks.any_of);
    if !any.is_empty() && !any.iter().any(|one| one.errors.is_empty()) {
        outcome.whole(place, "must validate at least one schema (anyOf)");
        outcome.take(best(any));
    }
    let one = of(&checks.one_of);
    match one.iter().filter(|one| one.errors.is_empty()).count() {
        _ if one.is_empty() => {}
        1 => outcome.passed += 1,
        0 => {
            outcome.whole(place, "must validate one and only one schema (oneOf). Found none valid");
            outcome.take(best(one));
        }
        count => outcome.whole(place, &format!("must validate one and only one schema (oneOf). Found {count} valid alternatives")),
    }
    let all = of(&checks.all_of);
    let (count, valid) = (all.len(), all.iter().filter(|one| one.errors.is_empty()).count());
    all.into_iter().for_each(|one| outcome.take(one));
    if valid < count {
        let none = if valid == 0 { ". None validated" } else { "" };
        outcome.whole(place, &format!("must validate all the schemas (allOf){none}"));
    }
    if checks.not.as_ref().is_some_and(|not| look(value, None, not, place).errors.is_empty()) {
        outcome.whole(place, "must not validate the schema (not)");
    }
}

fn enumeration(value: &Value, checks: &Checks, place: Place<'_>, outcome: &mut Outcome) {
    if checks.listed.is_empty() || checks.listed.contains(value) {
        outcome.passed += 1;
        return;
    }
    let words: Vec<String> = checks.listed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    outcome.errors.not_supported(place.path, value.clone(), &words);
}

fn number(value: &Value, schema: &Structural, place: Place<'_>, outcome: &mut Outcome) {
    let Some(checks) = &schema.checks else { return };
    let of = |value: &Value| value.as_f64().unwrap_or_default();
    let number = of(value);
    let mut wrong = |why: String| outcome.errors.invalid(place.path, value.clone(), &format!("{} in body should be {why}", place.name()));
    if let Some(factor) = checks.multiple_of.as_ref().filter(|factor| of(factor) > 0.0)
        && (number / of(factor)).fract() != 0.0
    {
        wrong(format!("a multiple of {factor}"));
    }
    if let Some(most) = &checks.maximum {
        let is_exclusive = checks.exclusive_maximum;
        if number > of(most) || is_exclusive && number >= of(most) {
            wrong(format!("less than{} {most}", if is_exclusive { "" } else { " or equal to" }));
        }
    }
    if let Some(least) = &checks.minimum {
        let is_exclusive = checks.exclusive_minimum;
        if number < of(least) || is_exclusive && number <= of(least) {
            wrong(format!("greater than{} {least}", if is_exclusive { "" } else { " or equal to" }));
        }
    }
    outcome.passed += 1;
}

fn text(text: &str, schema: &Structural, place: Place<'_>, outcome: &mut Outcome) {
    if let Some(checks) = &schema.checks {
        let length = text.chars().count();
        let mut wrong = |why: String| outcome.errors.invalid(place.path, text, &format!("{} in body should {why}", place.name()));
        if let Some(least) = checks.min_length.filter(|least| length < *least) {
            wrong(format!("be at least {least} chars long"));
        }
        if let Some(pattern) = checks.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            wrong(format!("match '{}'", pattern.as_str()));
        }
        if let Some(most) = checks.max_length.filter(|most| length > *most) {
            outcome.errors.too_long(place.path, most);
        }
    }
    if !format::fits(&schema.format, text) {
        let message = format!("Invalid value: {text:?}: {} in body must be of type {}: {text:?}", place.name(), schema.format);
        outcome.refuse(FieldErrorKind::TypeInvalid, place, message);
    }
    outcome.passed += 1;
}

fn items(list: &[Value], old: Option<&Value>, schema: &Structural, place: Place<'_>, outcome: &mut Outcome) {
    let old = old.and_then(Value::as_array).filter(|_| schema.list_type == ListType::Map);
    if let Some(of_items) = &schema.items {
        for (index, item) in list.iter().enumerate() {
            let key = old.and_then(|_| lists::key(item, &schema.list_map_keys));
            let before = old.and_then(|old| old.iter().find(|old| lists::key(old, &schema.list_map_keys) == key));
            outcome.take(look(item, before, of_items, Place { path: &place.path.index(index), ..place }));
        }
    }
    let Some(checks) = &schema.checks else { return };
    if let Some(least) = checks.min_items.filter(|least| list.len() < *least) {
        outcome.errors.invalid(place.path, json!(list.len()), &format!("{} in body should have at least {least} items", place.name()));
    }
    if let Some(most) = checks.max_items.filter(|most| list.len() > *most) {
        outcome.errors.too_many(place.path, list.len(), most);
    }
}

fn fields(value: &Value, old: Option<&Value>, schema: &Structural, place: Place<'_>, outcome: &mut Outcome) {
    let Value::Object(fields) = value else { return };
    if let Some(checks) = &schema.checks {
        if let Some(least) = checks.min_properties.filter(|least| fields.len() < *least) {
            let why = format!("{} in body should have at least {least} properties", place.name());
            outcome.errors.invalid(place.path, json!(fields.len()), &why);
        }
        if let Some(most) = checks.max_properties.filter(|most| fields.len() > *most) {
            outcome.errors.too_many(place.path, fields.len(), most);
        }
        for required in checks.required.iter().filter(|required| !fields.contains_key(&***required)) {
            outcome.errors.required(&place.path.child(required), "");
        }
        outcome.passed += usize::from(outcome.errors.is_empty());
    }
    for (name, inner) in fields {
        if let Some(of_field) = schema.field(name) {
            let before = old.and_then(|old| old.get(name));
            outcome.take(look(inner, before, of_field, Place { path: &place.path.child(name), ..place }));
        }
    }
}

impl Types {
    /// Whether rules see an object or a list, whose value no message repeats.
    pub fn is_compound(self) -> bool {
        matches!(self, Self::Array | Self::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(schema: &Value, value: &Value, old: Option<&Value>) -> Vec<String> {
        let errors = judge(value, old, &Structural::compile(schema), &Path::ROOT).0;
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn what_a_schema_does_not_take_is_named_in_upstreams_words() {
        for (schema, value, expected) in [
            (json!({"type": "integer"}), json!("x"), "Invalid value: \"string\": a in body must be of type integer: \"string\""),
            (json!({"type": "integer"}), json!(1.0), ""),
            (json!({"type": "number", "maximum": 2}), json!(3), "Invalid value: 3: a in body should be less than or equal to 2"),
            (
                json!({"type": "integer", "minimum": 2, "exclusiveMinimum": true}),
                json!(2),
                "Invalid value: 2: a in body should be greater than 2",
            ),
            (json!({"type": "integer", "multipleOf": 3}), json!(4), "Invalid value: 4: a in body should be a multiple of 3"),
            (json!({"type": "string", "enum": ["a", "b"]}), json!("c"), "Unsupported value: \"c\": supported values: \"a\", \"b\""),
            (json!({"type": "string", "format": "ipv4"}), json!("c"), "Invalid value: \"c\": a in body must be of type ipv4: \"c\""),
            (json!({"type": "string", "nullable": true}), json!(null), ""),
            (
                json!({"x-kubernetes-int-or-string": true}),
                json!(1.5),
                "Invalid value: \"number\": a in body must be of type integer,string: \"number\"",
            ),
        ] {
            let expected: Vec<String> =
                Some(expected).filter(|text| !text.is_empty()).map(|text| format!("a: {text}")).into_iter().collect();
            let whole = json!({"type": "object", "properties": {"a": schema}});
            assert_eq!(said(&whole, &json!({"a": value}), None), expected, "{schema}");
        }
    }

    #[test]
    fn what_is_as_it_was_may_stay_though_the_schema_became_narrower() {
        let item = json!({"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "string", "maxLength": 1}}});
        let list = json!({"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]});
        let schema = json!({"type": "object", "properties": {"l": list, "s": {"type": "string", "maxLength": 1}}});
        let old = json!({"s": "long", "l": [{"k": "a", "v": "long"}, {"k": "b", "v": "long"}]});
        let new = json!({"s": "long", "l": [{"k": "b", "v": "long"}, {"k": "a", "v": "longer"}]});
        assert_eq!(said(&schema, &new, Some(&old)), ["l[1].v: Too long: may not be more than 1 bytes"]);
    }

    #[test]
    fn of_alternatives_that_all_fail_the_nearest_tells_why() {
        let schema = json!({"type": "object", "properties": {"s": {"type": "object", "oneOf": [
            {"required": ["a"]}, {"required": ["b"]}]}}});
        let said = said(&schema, &json!({"s": {}}), None);
        assert_eq!(
            said,
            ["<nil>: Invalid value: \"\": \"s\" must validate one and only one schema (oneOf). Found none valid", "s.a: Required value",]
        );
    }
}

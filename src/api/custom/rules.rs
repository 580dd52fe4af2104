//! The rules of a schema in CEL, over an object and the one that it replaces (KEP-2876; upstream: `apiextensions-apiserver/pkg/apiserver/schema/cel`).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lists;
use super::schema::{Structural, Types, Values};
use crate::api::expression::{Bindings, Budget, Environment, Fault, MapKey, Program, Val};
use crate::api::schema::ListType;
use crate::api::validation::expression::mentions;
use crate::api::validation::{ErrorList, FieldErrorKind, Path};

/// The longest message that a rule may make, in characters.
const MESSAGE_LENGTH: usize = 5120;

/// One rule, compiled.
#[derive(Debug)]
pub struct Rule {
    program: Result<Program, String>,
    /// What makes the message.
    telling: Option<Program>,
    text: String,
    message: String,
    reason: FieldErrorKind,
    /// Where the error is said to be, below the value.
    field: String,
    /// It speaks of the old value.
    is_transition: bool,
    /// It also runs where there is no old value.
    is_optional: bool,
}

impl Rule {
    pub fn compile(rule: &Value) -> Self {
        let text = |field: &str| rule[field].as_str().unwrap_or_default();
        let environment = Environment::new(&["self", "oldSelf"]).escaping();
        let expression = text("rule");
        Self {
            program: environment.compile(expression),
            telling: Some(text("messageExpression")).filter(|text| !text.is_empty()).and_then(|text| environment.compile(text).ok()),
            text: expression.trim().to_owned(),
            message: text("message").trim().to_owned(),
            reason: match text("reason") {
                "FieldValueForbidden" => FieldErrorKind::Forbidden,
                "FieldValueRequired" => FieldErrorKind::Required,
                "FieldValueDuplicate" => FieldErrorKind::Duplicate,
                _ => FieldErrorKind::Invalid,
            },
            field: text("fieldPath").to_owned(),
            is_transition: mentions(expression, "oldSelf"),
            is_optional: rule["optionalOldSelf"] == true,
        }
    }

    /// The rule, as errors speak of it.
    fn name(&self) -> &str {
        if self.message.is_empty() { &self.text } else { &self.message }
    }

    fn default_message(&self) -> String {
        if self.message.is_empty() { format!("failed rule: {}", self.text) } else { self.message.clone() }
    }
}

/// What the rules of a schema have against an object; all together may cost so much and no more.
pub fn judge(new: &Value, old: Option<&Value>, schema: &Structural, errors: &mut ErrorList) {
    let mut judgment = Judgment { errors, budget: Budget::default() };
    // When nothing is left to spend, nothing more is asked.
    let _ = judgment.look(new, old, schema, &Path::ROOT);
}

/// No more rules are to be run.
struct Exhausted;

struct Judgment<'e> {
    errors: &'e mut ErrorList,
    budget: Budget,
}

impl Judgment<'_> {
    fn look(&mut self, new: &Value, old: Option<&Value>, schema: &Structural, path: &Path) -> Result<(), Exhausted> {
        if !schema.has_rules {
            return Ok(());
        }
        self.rules(new, old, schema, path)?;
        match new {
            Value::Array(items) => {
                let Some(of_items) = &schema.items else { return Ok(()) };
                let old = old.and_then(Value::as_array).filter(|_| schema.list_type == ListType::Map);
                for (index, item) in items.iter().enumerate() {
                    let key = old.and_then(|_| lists::key(item, &schema.list_map_keys));
                    let before = old.and_then(|old| old.iter().find(|old| lists::key(old, &schema.list_map_keys) == key));
                    self.look(item, before, of_items, &path.index(index))?;
                }
            }
            Value::Object(fields) => {
                // The parts of what is owned as a whole are not told to be the same.
                let old = old.filter(|_| !schema.is_atomic_map);
                for (name, field) in fields {
                    let before = old.and_then(|old| old.get(name));
                    if let Some(of_field) = schema.properties.get(name.as_str()) {
                        self.look(field, before, of_field, &path.child(name))?;
                    } else if let Values::Of(of_values) = &schema.values {
                        self.look(field, before, of_values, &path.key(name))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn rules(&mut self, new: &Value, old: Option<&Value>, schema: &Structural, path: &Path) -> Result<(), Exhausted> {
        if schema.rules.is_empty() {
            return Ok(());
        }
        let own = value(new, schema);
        let before = old.map(|old| value(old, schema));
        for rule in &schema.rules {
            let is_unchanged = old == Some(new);
            if rule.is_transition && !rule.is_optional && before.is_none() || !rule.is_transition && is_unchanged {
                continue;
            }
            let old_self = match &before {
                before if rule.is_optional => Val::Optional(before.clone().map(Arc::new)),
                Some(before) => before.clone(),
                None => Val::Null,
            };
            let bindings = Bindings::new(vec![own.clone(), old_self]);
            self.rule(rule, &bindings, new, path)?;
        }
        Ok(())
    }

    fn rule<'a>(&mut self, rule: &'a Rule, bindings: &Bindings<'a>, new: &Value, path: &Path) -> Result<(), Exhausted> {
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => {
                self.refuse(FieldErrorKind::Invalid, path.to_string(), new, &format!("rule compile error: {why}"));
                return Ok(());
            }
        };
        let place = || path.to_string();
        match program.run(bindings, &mut self.budget) {
            Ok(Val::Bool(true)) => {}
            Ok(_) => {
                let message = self.told(rule, bindings).unwrap_or_else(|| rule.default_message());
                let field = match (place(), rule.field.trim_start_matches('.')) {
                    (place, "") => place,
                    (place, field) if place.is_empty() => field.to_owned(),
                    (place, field) => format!("{place}.{field}"),
                };
                self.refuse(rule.reason, field, new, &message);
            }
            Err(fault @ Fault::NoSuchOverload) => {
                let why = "call arguments did not match a supported operator, function or macro signature for rule";
                self.refuse(FieldErrorKind::Invalid, place(), new, &format!("'{fault}': {why}: {}", rule.name()));
            }
            Err(fault @ Fault::TooCostly) => {
                let why = "no further validation rules will be run due to call cost exceeds limit for rule";
                self.refuse(FieldErrorKind::Invalid, place(), new, &format!("'{fault}': {why}: {}", rule.name()));
                return Err(Exhausted);
            }
            Err(fault @ Fault::OutOfBudget) => {
                self.refuse(FieldErrorKind::Invalid, place(), new, &fault.to_string());
                return Err(Exhausted);
            }
            Err(fault) => self.refuse(FieldErrorKind::Invalid, place(), new, &format!("{fault} evaluating rule: {}", rule.name())),
        }
        Ok(())
    }

    /// The message that the rule makes, if it makes a good one.
    fn told<'a>(&mut self, rule: &'a Rule, bindings: &Bindings<'a>) -> Option<String> {
        let Ok(Val::Text(text)) = rule.telling.as_ref()?.run(bindings, &mut self.budget) else { return None };
        let text = text.trim();
        (!text.is_empty() && !text.contains('\n') && text.chars().count() <= MESSAGE_LENGTH).then(|| text.to_owned())
    }

    /// Values that have parts are not repeated.
    fn refuse(&mut self, reason: FieldErrorKind, field: String, value: &Value, why: &str) {
        let shown = if value.is_object() || value.is_array() { String::new() } else { format!(": {value}") };
        let message = match reason {
            FieldErrorKind::Forbidden => format!("Forbidden: {why}"),
            FieldErrorKind::Required => format!("Required value: {why}"),
            FieldErrorKind::Duplicate => format!("Duplicate value{shown}"),
            _ => format!("Invalid value{shown}: {why}"),
        };
        self.errors.push(reason, if field.is_empty() { "<nil>".to_owned() } else { field }, message);
    }
}

/// A value as rules see it: of the type that its schema gives it, not of the one that JSON does.
fn value<'a>(value: &'a Value, schema: &Structural) -> Val<'a> {
    if schema.is_plain {
        return Val::of(value);
    }
    match (value, schema.types) {
        (Value::Number(number), Types::Number) => Val::Double(number.as_f64().unwrap_or(f64::NAN)),
        (Value::String(text), Types::String) => formatted(text, &schema.format).unwrap_or_else(|| Val::of(value)),
        (Value::Array(items), _) => match &schema.items {
            Some(of_items) => Val::list(items.iter().map(|item| self::value(item, of_items)).collect()),
            None => Val::of(value),
        },
        (Value::Object(fields), _) => {
            let field = |(name, field): (&String, &'a Value)| {
                let seen = schema.field(name).map_or_else(|| Val::of(field), |of_field| self::value(field, of_field));
                (MapKey::Text(name.as_str().into()), seen)
            };
            Val::map(fields.iter().map(field).collect::<BTreeMap<_, _>>())
        }
        _ => Val::of(value),
    }
}

fn formatted(text: &str, format: &str) -> Option<Val<'static>> {
    match format {
        "byte" => STANDARD.decode(text).ok().map(|bytes| Val::Bytes(bytes.into())),
        "date-time" => text.parse().ok().map(Val::Timestamp),
        "date" => format!("{text}T00:00:00Z").parse().ok().map(Val::Timestamp),
        "duration" => text.parse().ok().map(Val::Duration),
        _ => None,
    }
}

/// Whether rules see the values of a schema as JSON has them.
pub fn is_plain(types: Types, format: &str) -> bool {
    types != Types::Number && !matches!((types, format), (Types::String, "byte" | "date-time" | "date" | "duration"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: &Value, new: &Value, old: Option<&Value>) -> Vec<String> {
        let mut errors = ErrorList::default();
        judge(new, old, &Structural::compile(schema), &mut errors);
        errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    fn on_spec(fields: &Value, rule: &Value) -> Value {
        let spec = json!({"type": "object", "properties": fields, "x-kubernetes-validations": [rule]});
        json!({"type": "object", "properties": {"spec": spec}})
    }

    #[test]
    fn a_rule_sees_values_of_the_types_of_its_schema() {
        for (field, value, rule) in [
            (json!({"type": "number"}), json!(2), "self.f * 1.5 == 3.0"),
            (json!({"type": "string", "format": "date-time"}), json!("2024-01-02T00:00:00Z"), "self.f > timestamp('2024-01-01T00:00:00Z')"),
            (json!({"type": "string", "format": "byte"}), json!("YWI="), "self.f.size() == 2"),
            (json!({"x-kubernetes-int-or-string": true}), json!("50%"), "type(self.f) == string"),
        ] {
            let schema = on_spec(&json!({"f": field}), &json!({"rule": rule}));
            assert_eq!(said(&schema, &json!({"spec": {"f": value}}), None), Vec::<String>::new(), "{rule}");
        }
    }

    #[test]
    fn what_goes_wrong_while_a_rule_runs_is_said() {
        let schema = on_spec(&json!({"a": {"type": "integer"}}), &json!({"rule": "self.a / 0 == 1", "message": "m"}));
        assert_eq!(said(&schema, &json!({"spec": {"a": 1}}), None), ["spec: Invalid value: division by zero evaluating rule: m"]);
        assert_eq!(said(&schema, &json!({"spec": {}}), None), ["spec: Invalid value: no such key: a evaluating rule: m"]);
    }

    #[test]
    fn a_rule_that_never_ends_is_stopped_and_no_other_runs() {
        let list = json!({"l": {"type": "array", "items": {"type": "integer"}}});
        let rule = "self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= 0)))";
        let schema = on_spec(&list, &json!({"rule": rule}));
        let said = said(&schema, &json!({"spec": {"l": (0..1000).collect::<Vec<i32>>()}}), None);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("no further validation rules will be run due to call cost exceeds limit for rule"), "{said:?}");
    }

    #[test]
    fn an_unchanged_value_is_asked_only_by_rules_that_speak_of_the_old_one() {
        let fields = json!({"a": {"type": "integer"}, "b": {"type": "integer"}});
        let old = json!({"spec": {"a": 1}});
        let plain = on_spec(&fields, &json!({"rule": "self.a > 5"}));
        assert_eq!(said(&plain, &old, Some(&old)), Vec::<String>::new());
        assert_eq!(said(&plain, &json!({"spec": {"a": 1, "b": 2}}), Some(&old)).len(), 1);
        let transition = on_spec(&fields, &json!({"rule": "self.a > oldSelf.a"}));
        assert_eq!(said(&transition, &old, Some(&old)).len(), 1);
        assert_eq!(said(&transition, &old, None), Vec::<String>::new());
    }
}

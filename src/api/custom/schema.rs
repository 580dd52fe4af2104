//! A structural schema, compiled: what takes a look-up in JSON and a regular expression otherwise, for each value anew.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::rules::{Rule, is_plain};
use crate::api::schema::ListType;

/// The schema of a value.
#[derive(Debug, Default)]
pub struct Structural {
    pub types: Types,
    pub format: String,
    pub nullable: bool,
    /// Fields that are not declared stay.
    pub preserves: bool,
    /// The value is a whole object, with `apiVersion`, `kind` and `metadata`.
    pub is_embedded: bool,
    pub default: Option<Value>,
    pub properties: BTreeMap<Box<str>, Structural>,
    pub values: Values,
    pub items: Option<Box<Structural>>,
    pub list_type: ListType,
    pub list_map_keys: Vec<Box<str>>,
    /// Server-side apply owns the map as a whole.
    pub is_atomic_map: bool,
    pub checks: Option<Box<Checks>>,
    pub rules: Vec<Rule>,
    /// Whether there are rules here or below.
    pub has_rules: bool,
    /// Whether there are defaults here or below.
    pub has_defaults: bool,
    /// Whether rules see all that is here and below as JSON has it.
    pub is_plain: bool,
}

/// The types that a value may have: none for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Types {
    #[default]
    Any,
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
    IntOrString,
}

/// What a map's undeclared fields are (`additionalProperties`).
#[derive(Debug, Default)]
pub enum Values {
    #[default]
    None,
    Any,
    Of(Box<Structural>),
}

/// What a value must be besides its type.
#[derive(Debug, Default)]
pub struct Checks {
    pub maximum: Option<Value>,
    pub minimum: Option<Value>,
    pub exclusive_maximum: bool,
    pub exclusive_minimum: bool,
    pub multiple_of: Option<Value>,
    pub max_length: Option<usize>,
    pub min_length: Option<usize>,
    pub pattern: Option<Regex>,
    pub max_items: Option<usize>,
    pub min_items: Option<usize>,
    pub max_properties: Option<usize>,
    pub min_properties: Option<usize>,
    pub required: Box<[Box<str>]>,
    pub listed: Box<[Value]>,
    pub all_of: Vec<Structural>,
    pub any_of: Vec<Structural>,
    pub one_of: Vec<Structural>,
    pub not: Option<Box<Structural>>,
}

impl Types {
    fn of(schema: &Value) -> Self {
        if schema["x-kubernetes-int-or-string"] == true {
            return Self::IntOrString;
        }
        match schema["type"].as_str() {
            Some("array") => Self::Array,
            Some("boolean") => Self::Boolean,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("object") => Self::Object,
            Some("string") => Self::String,
            _ => Self::Any,
        }
    }

    /// As messages name them.
    pub fn names(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
            Self::IntOrString => "integer,string",
        }
    }

    pub fn takes(self, value: &Value) -> bool {
        let is_whole = |number: &serde_json::Number| !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0);
        match (self, value) {
            (Self::Any, _)
            | (Self::Array, Value::Array(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::Object, Value::Object(_))
            | (Self::String | Self::IntOrString, Value::String(_)) => true,
            (Self::Integer | Self::IntOrString, Value::Number(number)) => is_whole(number),
            _ => false,
        }
    }
}

impl Structural {
    /// Knows nothing.
    pub const EMPTY: Self = Self {
        types: Types::Any,
        format: String::new(),
        nullable: false,
        preserves: false,
        is_embedded: false,
        default: None,
        properties: BTreeMap::new(),
        values: Values::None,
        items: None,
        list_type: ListType::Atomic,
        list_map_keys: Vec::new(),
        is_atomic_map: false,
        checks: None,
        rules: Vec::new(),
        has_rules: false,
        has_defaults: false,
        is_plain: true,
    };

    pub fn compile(schema: &Value) -> Self {
        let texts = |field: &str| -> Vec<Box<str>> { list(schema, field).iter().filter_map(Value::as_str).map(Box::from).collect() };
        let flag = |field: &str| schema[field] == true;
        let properties: BTreeMap<Box<str>, Self> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, field)| (name.as_str().into(), Self::compile(field)))
            .collect();
        let values = match &schema["additionalProperties"] {
            Value::Object(_) => Values::Of(Box::new(Self::compile(&schema["additionalProperties"]))),
            Value::Bool(true) => Values::Any,
            _ => Values::None,
        };
        let items = schema["items"].is_object().then(|| Box::new(Self::compile(&schema["items"])));
        let default = schema.get("default").filter(|default| !default.is_null()).cloned();
        let rules: Vec<Rule> = list(schema, "x-kubernetes-validations").iter().map(Rule::compile).collect();
        let within = || {
            let values = if let Values::Of(values) = &values { Some(&**values) } else { None };
            properties.values().chain(values).chain(items.as_deref())
        };
        let has_rules = !rules.is_empty() || within().any(|inner| inner.has_rules);
        let has_defaults = default.is_some() || within().any(|inner| inner.has_defaults);
        let (types, format) = (Types::of(schema), schema["format"].as_str().unwrap_or_default());
        let is_plain = is_plain(types, format) && within().all(|inner| inner.is_plain);
        Self {
            types,
            format: format.into(),
            nullable: flag("nullable"),
            preserves: flag("x-kubernetes-preserve-unknown-fields"),
            is_embedded: flag("x-kubernetes-embedded-resource"),
            default,
            list_type: match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => ListType::Set,
                Some("map") => ListType::Map,
                _ => ListType::Atomic,
            },
            list_map_keys: texts("x-kubernetes-list-map-keys"),
            is_atomic_map: schema["x-kubernetes-map-type"] == "atomic",
            checks: Checks::compile(schema).map(Box::new),
            properties,
            values,
            items,
            rules,
            has_rules,
            has_defaults,
            is_plain,
        }
    }

    /// The schema of a field of an object, if it has one.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(match &self.values {
            Values::Of(values) => Some(values),
            Values::None | Values::Any => None,
        })
    }
}

fn list<'a>(schema: &'a Value, field: &str) -> &'a [Value] {
    schema[field].as_array().map_or(&[], Vec::as_slice)
}

impl Checks {
    /// `None` if there are none.
    fn compile(schema: &Value) -> Option<Self> {
        let fields = schema.as_object()?;
        let known = "maximum minimum multipleOf maxLength minLength pattern maxItems minItems maxProperties minProperties required enum allOf \
                     anyOf oneOf not";
        if !known.split_whitespace().any(|name| fields.contains_key(name)) {
            return None;
        }
        let number = |field: &str| schema.get(field).filter(|value| value.is_number()).cloned();
        let count = |field: &str| schema[field].as_u64().and_then(|count| usize::try_from(count).ok());
        let schemas = |field: &str| list(schema, field).iter().map(Structural::compile).collect();
        Some(Self {
            maximum: number("maximum"),
            minimum: number("minimum"),
            exclusive_maximum: schema["exclusiveMaximum"] == true,
            exclusive_minimum: schema["exclusiveMinimum"] == true,
            multiple_of: number("multipleOf"),
            max_length: count("maxLength"),
            min_length: count("minLength"),
            pattern: schema["pattern"].as_str().filter(|text| !text.is_empty()).and_then(|text| Regex::new(text).ok()),
            max_items: count("maxItems"),
            min_items: count("minItems"),
            max_properties: count("maxProperties"),
            min_properties: count("minProperties"),
            required: list(schema, "required").iter().filter_map(Value::as_str).map(Box::from).collect(),
            listed: list(schema, "enum").into(),
            all_of: schemas("allOf"),
            any_of: schemas("anyOf"),
            one_of: schemas("oneOf"),
            not: schema["not"].is_object().then(|| Box::new(Structural::compile(&schema["not"]))),
        })
    }
}

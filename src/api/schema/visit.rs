//! One pass over a body, led by its type: unknown and empty fields fall away, scalars become canonical, what does not fit is noted.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::facts::{Facts, Presence, Shape, Type};
use super::go;
use crate::api::quantity::Quantity;

/// Strict decoding names no more errors than this.
const STRICT_MAX: usize = 100;

/// Whose words tell of values that do not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::api) enum Dialect {
    /// Go's JSON decoder.
    #[default]
    Json,
    /// The converter from maps to structs, which strategic merge patches pass through.
    Unstructured,
}

/// A value that does not fit.
#[derive(Clone, Copy)]
enum Found<'a> {
    Text,
    Flag,
    Number(&'a Number),
    Array,
    Object,
}

impl Found<'_> {
    fn json(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag => "bool",
            Self::Number(_) => "number",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Where Go wanted a number of another kind, it shows the digits.
    fn digits(self) -> String {
        match self {
            Self::Number(number) if number.is_f64() => format!("number {:?}", number.as_f64().unwrap_or_default()),
            Self::Number(number) => format!("number {number}"),
            other => other.json().into(),
        }
    }

    fn unstructured(self, shape: &Shape, expected: &str) -> String {
        let kind = match self {
            Self::Text => "string",
            Self::Flag => "bool",
            Self::Number(number) => {
                if number.is_f64() {
                    "float64"
                } else {
                    "int64"
                }
            }
            Self::Array => "slice",
            Self::Object => "map",
        };
        match (shape, self) {
            (Shape::List(_) | Shape::Bytes, _) => format!("cannot restore slice from {kind}"),
            (Shape::Map(_), _) => format!("cannot restore map from {kind}"),
            (Shape::Struct(_), _) => format!("cannot restore struct from: {kind}"),
            (Shape::Text | Shape::Int32 | Shape::Int64, Self::Number(_)) => format!("cannot convert {kind} to {expected}"),
            _ => format!("unrecognized type: {}", shape.go_kind()),
        }
    }
}

/// What was noted on the way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    dialect: Dialect,
    /// The first value that does not fit, as Go says it.
    pub fault: Option<String>,
    /// Unknown and duplicate fields.
    pub strict: Vec<String>,
    /// Where we are: `.spec.containers[0]`.
    path: String,
    /// The same as Go's decoder remembers it.
    fields: Vec<(&'static Type, &'static str)>,
}

impl Notes {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    fn fault(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    pub fn strict(&mut self, what: &str, name: &str) {
        let path = format!("{}.{name}", self.path);
        let note = format!("{what} field {:?}", path.strip_prefix('.').unwrap_or(&path));
        if self.strict.len() < STRICT_MAX && !self.strict.contains(&note) {
            self.strict.push(note);
        }
    }

    pub fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        before
    }

    pub fn enter_item(&mut self, index: usize) -> usize {
        let before = self.path.len();
        write!(self.path, "[{index}]").expect("a String takes all");
        before
    }

    /// Back to where we were before entering.
    pub fn leave(&mut self, before: usize) {
        self.path.truncate(before);
    }
}

/// Reads a value of one shape. `Null` stands for what Go would leave at its zero.
pub(super) struct Reader<'a> {
    pub facts: &'static Facts,
    pub shape: &'static Shape,
    /// The Go type, where it is not what the shape says.
    pub go: Option<&'static str>,
    pub notes: &'a mut Notes,
}

impl Reader<'_> {
    fn inner<'b>(&'b mut self, shape: &'static Shape, go: Option<&'static str>) -> Reader<'b> {
        Reader { facts: self.facts, shape, go, notes: self.notes }
    }

    /// What stands here, is not what Go expects.
    fn unfit(&mut self, found: Found<'_>) -> Value {
        let expected = self.go.map_or_else(|| self.shape.go(self.facts), str::to_owned);
        if self.notes.dialect == Dialect::Unstructured {
            self.notes.fault(found.unstructured(self.shape, &expected));
            return Value::Null;
        }
        let is_integer = matches!(self.shape, Shape::Int32 | Shape::Int64);
        let found = if is_integer { found.digits() } else { found.json().into() };
        self.notes.fault(match self.notes.fields.last() {
            Some((owner, _)) => {
                let path: Vec<&str> = self.notes.fields.iter().map(|(_, name)| *name).collect();
                let owner = owner.short_name();
                format!("json: cannot unmarshal {found} into Go struct field {owner}.{} of type {expected}", path.join("."))
            }
            None => format!("json: cannot unmarshal {found} into Go value of type {expected}"),
        });
        Value::Null
    }

    /// Types that read themselves know nothing of where they stand.
    fn unfit_for(&mut self, found: Found<'_>, expected: &str) -> Value {
        let found = if expected == "int32" { found.digits() } else { found.json().into() };
        self.notes.fault(format!("json: cannot unmarshal {found} into Go value of type {expected}"));
        Value::Null
    }

    fn number(&mut self, number: Number) -> Value {
        let fits = |least: i64, most: i64| number.as_i64().is_some_and(|n| (least..=most).contains(&n));
        match self.shape {
            Shape::Int32 | Shape::IntOrString if fits(i32::MIN.into(), i32::MAX.into()) => Value::Number(number),
            Shape::Int64 if number.as_i64().is_some() => Value::Number(number),
            Shape::Double | Shape::Raw => Value::Number(number),
            Shape::Quantity { to_milli } => self.quantity(&number.to_string(), *to_milli),
            _ => self.misplaced(Found::Number(&number)),
        }
    }

    fn text(&mut self, text: Cow<'_, str>) -> Value {
        match self.shape {
            Shape::Text | Shape::Raw | Shape::IntOrString => Value::String(text.into_owned()),
            Shape::Quantity { to_milli } => self.quantity(&text, *to_milli),
            Shape::Time => self.converted(go::time(&text, go::RFC3339)),
            Shape::MicroTime => self.converted(go::time(&text, go::RFC3339_MICRO)),
            Shape::Bytes => self.converted(go::base64(&text)),
            _ => self.unfit(Found::Text),
        }
    }

    fn quantity(&mut self, text: &str, to_milli: bool) -> Value {
        self.converted(Quantity::normalise(text.trim(), to_milli).map(Cow::into_owned).map_err(|error| error.to_string()))
    }

    fn converted(&mut self, outcome: Result<String, String>) -> Value {
        match outcome {
            Ok(text) => Value::String(text),
            Err(fault) => {
                self.notes.fault(fault);
                Value::Null
            }
        }
    }

    /// A value where Go expects another shape.
    fn misplaced(&mut self, found: Found<'_>) -> Value {
        match self.shape {
            Shape::Quantity { .. } => self.quantity(found.json(), false),
            Shape::IntOrString => self.unfit_for(found, "int32"),
            Shape::Time | Shape::MicroTime => self.unfit_for(found, "string"),
            _ => self.unfit(found),
        }
    }

    fn structure<'de, A: MapAccess<'de>>(mut self, known: &'static Type, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut seen = 0u128;
        while let Some(key) = access.next_key_seed(FieldName(known))? {
            let index = match key {
                Ok(index) => index,
                Err(name) => {
                    self.notes.strict("unknown", &name);
                    access.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = &known.fields[index];
            if seen & 1 << index != 0 {
                self.notes.strict("duplicate", field.name);
                object.remove(field.name);
            }
            seen |= 1 << index;
            let before = self.notes.enter(field.name);
            self.notes.fields.push((known, field.name));
            let value = access.next_value_seed(self.inner(&field.shape, field.go))?;
            self.notes.fields.pop();
            self.notes.leave(before);
            let keeps_zero = matches!(field.presence, Presence::Pointer | Presence::PointerNull);
            if !value.is_null() && (keeps_zero || !field.shape.is_zero(&value)) {
                object.insert(field.name.to_owned(), value);
            }
        }
        Ok(Value::Object(object))
    }

    fn map<'de, A: MapAccess<'de>>(mut self, item: &'static Shape, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let before = self.notes.enter(&key);
            let value = access.next_value_seed(self.inner(item, None))?;
            self.notes.leave(before);
            if object.contains_key(&key) {
                self.notes.strict("duplicate", &key);
            }
            object.insert(key, if value.is_null() { item.zero() } else { value });
        }
        Ok(Value::Object(object))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if *self.shape == Shape::Raw {
            return serde::Deserialize::deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(mut self, flag: bool) -> Result<Value, E> {
        Ok(match self.shape {
            Shape::Flag => Value::Bool(flag),
            _ => self.misplaced(Found::Flag),
        })
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<Value, E> {
        Ok(self.number(number.into()))
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<Value, E> {
        Ok(self.number(number.into()))
    }

    fn visit_f64<E: Error>(mut self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, |number| self.number(number)))
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Value, E> {
        Ok(self.text(Cow::Borrowed(text)))
    }

    fn visit_string<E: Error>(mut self, text: String) -> Result<Value, E> {
        Ok(self.text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let Shape::List(item) = self.shape else {
            while access.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(self.misplaced(Found::Array));
        };
        let mut items = Vec::new();
        loop {
            let before = self.notes.enter_item(items.len());
            let value = access.next_element_seed(self.inner(item, None))?;
            self.notes.leave(before);
            match value {
                Some(Value::Null) => items.push(item.zero()),
                Some(value) => items.push(value),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        match self.shape {
            Shape::Struct(_) => {
                let known = self.facts.of(self.shape).expect("a struct has a type");
                self.structure(known, access)
            }
            Shape::Map(item) => self.map(item, access),
            _ => {
                while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(self.misplaced(Found::Object))
            }
        }
    }
}

/// A key of a struct: the field's place, or a name that is not known.
struct FieldName(&'static Type);

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.position(name).ok_or_else(|| name.to_owned()))
    }
}

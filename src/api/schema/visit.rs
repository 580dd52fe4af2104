//! One pass over a body, led by its type: unknown and empty fields fall away, scalars become canonical, what does not fit is noted.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::facts::{Facts, Presence, Shape, Type};
use super::go;
use crate::api::quantity::Quantity;

/// Strict decoding names no more errors than this.
const STRICT_MAX: usize = 100;

/// What was noted on the way.
#[derive(Debug, Default)]
pub(super) struct Notes {
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
    fn fault(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    fn strict(&mut self, what: &str, name: &str) {
        let path = format!("{}.{name}", self.path);
        let note = format!("{what} field {:?}", &path[1..]);
        if self.strict.len() < STRICT_MAX && !self.strict.contains(&note) {
            self.strict.push(note);
        }
    }

    fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        before
    }

    fn enter_item(&mut self, index: usize) -> usize {
        let before = self.path.len();
        write!(self.path, "[{index}]").expect("a String takes all");
        before
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
    fn unfit(&mut self, found: &str) -> Value {
        let expected = self.go.map_or_else(|| self.shape.go(self.facts), str::to_owned);
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
    fn unfit_for(&mut self, found: &str, expected: &str) -> Value {
        self.notes.fault(format!("json: cannot unmarshal {found} into Go value of type {expected}"));
        Value::Null
    }

    fn number(&mut self, number: serde_json::Number) -> Value {
        let fits = |least: i64, most: i64| number.as_i64().is_some_and(|n| (least..=most).contains(&n));
        let digits = || if number.is_f64() { format!("{:?}", number.as_f64().unwrap_or_default()) } else { number.to_string() };
        match self.shape {
            Shape::Int32 if fits(i32::MIN.into(), i32::MAX.into()) => Value::Number(number),
            Shape::Int64 if number.is_i64() || number.is_u64() && number.as_i64().is_some() => Value::Number(number),
            Shape::Double | Shape::Raw => Value::Number(number),
            Shape::Int32 | Shape::Int64 => self.unfit(&format!("number {}", digits())),
            Shape::IntOrString if fits(i32::MIN.into(), i32::MAX.into()) => Value::Number(number),
            Shape::IntOrString => self.unfit_for(&format!("number {}", digits()), "int32"),
            Shape::Quantity { to_milli } => self.quantity(&number.to_string(), *to_milli),
            Shape::Time | Shape::MicroTime => self.unfit_for("number", "string"),
            _ => self.unfit("number"),
        }
    }

    fn text(&mut self, text: Cow<'_, str>) -> Value {
        match self.shape {
            Shape::Text | Shape::Raw | Shape::IntOrString => Value::String(text.into_owned()),
            Shape::Quantity { to_milli } => self.quantity(&text, *to_milli),
            Shape::Time => self.converted(go::time(&text, go::RFC3339)),
            Shape::MicroTime => self.converted(go::time(&text, go::RFC3339_MICRO)),
            Shape::Bytes => self.converted(go::base64(&text)),
            _ => self.unfit("string"),
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

    /// A compound value where Go expects another shape.
    fn unfit_compound(&mut self, found: &str) -> Value {
        match self.shape {
            Shape::Quantity { .. } => self.quantity(found, false),
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
            self.notes.path.truncate(before);
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
            self.notes.path.truncate(before);
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
            _ => self.unfit_compound("bool"),
        })
    }

    fn visit_u64<E: Error>(mut self, number: u64) -> Result<Value, E> {
        Ok(self.number(number.into()))
    }

    fn visit_i64<E: Error>(mut self, number: i64) -> Result<Value, E> {
        Ok(self.number(number.into()))
    }

    fn visit_f64<E: Error>(mut self, number: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Value::Null, |number| self.number(number)))
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
            return Ok(self.unfit_compound("array"));
        };
        let mut items = Vec::new();
        loop {
            let before = self.notes.enter_item(items.len());
            let value = access.next_element_seed(self.inner(item, None))?;
            self.notes.path.truncate(before);
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
                Ok(self.unfit_compound("object"))
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

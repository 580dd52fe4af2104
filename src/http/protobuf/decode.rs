//! Objects as JSON, from bodies in protobuf. A field that has no number is refused, never dropped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Buf;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::MAGIC;
use super::numbers::{self, Alternative, Entry, Numbers};
use crate::api::schema::{Facts, Field, Presence, Shape, Type, written, written_finely};
use crate::api::status::Status;

/// The object as its JSON.
///
/// # Errors
/// `None` for a kind that is not read from protobuf; `BadRequest` for bytes that are none.
pub fn decode(body: &[u8]) -> Result<Option<Value>, Status> {
    let damaged = |why: String| Status::bad_request(format!("the protobuf body cannot be read: {why}; send JSON instead"));
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as such bodies do".to_owned()))?;
    let Envelope { api_version, kind, raw } = envelope.try_into().map_err(damaged)?;
    let Some(known) = known(&api_version, &kind) else { return Ok(None) };
    let mut object = message(raw, known).map_err(damaged)?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Ok(Some(object))
}

/// The type of a kind, if it is one that is read.
fn known(api_version: &str, kind: &str) -> Option<&'static Type> {
    // Each group has options of its own name, and all are the same.
    let options = || Facts::get().named("apis.meta.v1.DeleteOptions").filter(|known| known.short_name() == kind);
    Facts::get().kind(api_version, kind).or_else(options).filter(|known| numbers::of(known.name).is_some())
}

/// What stands around an object (`runtime.Unknown`).
#[derive(Default)]
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> TryFrom<&'a [u8]> for Envelope<'a> {
    type Error = String;

    fn try_from(mut bytes: &'a [u8]) -> Result<Self, String> {
        let mut envelope = Self::default();
        while !bytes.is_empty() {
            match next(&mut bytes)? {
                (1, Wire::Bytes(mut names)) => {
                    while !names.is_empty() {
                        match next(&mut names)? {
                            (1, Wire::Bytes(bytes)) => envelope.api_version = text(bytes)?,
                            (2, Wire::Bytes(bytes)) => envelope.kind = text(bytes)?,
                            (number, _) => return Err(unknown(number)),
                        }
                    }
                }
                (2, Wire::Bytes(bytes)) => envelope.raw = bytes,
                // How the object is encoded: always as protobuf, and not compressed.
                (3 | 4, Wire::Bytes(_)) => {}
                (number, _) => return Err(unknown(number)),
            }
        }
        Ok(envelope)
    }
}

fn unknown(number: u64) -> String {
    format!("the field {number} is not known here")
}

/// One field as it stands on the wire.
enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

fn next<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Wire<'a>), String> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(bytes)?),
        1 => Wire::Fixed(bytes.try_get_u64_le().map_err(|_| "a number ends early")?),
        2 => {
            let length = usize::try_from(varint(bytes)?).map_err(|error| error.to_string())?;
            let (taken, rest) = bytes.split_at_checked(length).ok_or("a field ends early")?;
            *bytes = rest;
            Wire::Bytes(taken)
        }
        other => return Err(format!("the wire type {other} is not used")),
    };
    Ok((tag >> 3, wire))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().map_err(|_| "a number ends early")?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number is too long".to_owned())
}

fn message(bytes: &[u8], known: &Type) -> Result<Value, String> {
    let numbers = numbers::of(known.name).ok_or_else(|| format!("{} is not known here", known.name))?;
    let mut object = Map::new();
    fill(&mut object, bytes, numbers, known)?;
    Ok(object.into())
}

fn fill(object: &mut Map<String, Value>, mut bytes: &[u8], numbers: &Numbers, known: &Type) -> Result<(), String> {
    while !bytes.is_empty() {
        let (number, wire) = next(&mut bytes)?;
        match (numbers.get(&number).ok_or_else(|| unknown(number))?, wire) {
            (Entry::Embedded(inner), Wire::Bytes(bytes)) => {
                let numbers = numbers::of(inner).ok_or_else(|| format!("{inner} is not known here"))?;
                fill(object, bytes, numbers, known)?;
            }
            (Entry::Field(name), wire) => add(object, known.field(name).ok_or_else(|| unknown(number))?, None, wire)?,
            (Entry::Either(name, alternative), wire) => {
                add(object, known.field(name).ok_or_else(|| unknown(number))?, Some(*alternative), wire)?;
            }
            (Entry::Embedded(_), _) => return Err(OTHER_TYPE.to_owned()),
        }
    }
    Ok(())
}

const OTHER_TYPE: &str = "a field is of another type";

/// What may be absent in Go is kept when it is zero; the rest is then left out, as Go's JSON does.
fn add(object: &mut Map<String, Value>, field: &Field, alternative: Option<Alternative>, wire: Wire<'_>) -> Result<(), String> {
    let name = field.name.to_owned();
    match (&field.shape, wire) {
        (Shape::List(item), wire) => {
            let items = object.entry(name).or_insert_with(|| json!([]));
            items.as_array_mut().expect("made as a list").push(value(item, wire)?);
        }
        (Shape::Map(item), Wire::Bytes(entry)) => {
            let (key, value) = map_entry(entry, item, alternative)?;
            let entries = object.entry(name).or_insert_with(|| json!({}));
            entries.as_object_mut().expect("made as a map").insert(key, value);
        }
        (shape, wire) => {
            let value = content(shape, alternative, wire)?;
            let is_pointer = matches!(field.presence, Presence::Pointer | Presence::PointerNull);
            let is_zero = !is_pointer && matches!(shape, Shape::Text | Shape::Flag | Shape::Int32 | Shape::Int64) && value == shape.zero();
            if !is_zero && !value.is_null() {
                object.insert(name, value);
            }
        }
    }
    Ok(())
}

fn map_entry(mut entry: &[u8], item: &Shape, alternative: Option<Alternative>) -> Result<(String, Value), String> {
    let (mut key, mut found) = (String::new(), None);
    while !entry.is_empty() {
        match next(&mut entry)? {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, wire) => found = Some(content(item, alternative, wire)?),
            _ => return Err("a map's entry is damaged".to_owned()),
        }
    }
    Ok((key, found.unwrap_or_else(|| item.zero())))
}

fn content(shape: &Shape, alternative: Option<Alternative>, wire: Wire<'_>) -> Result<Value, String> {
    match (alternative, wire) {
        (Some(alternative), Wire::Bytes(bytes)) if *shape == Shape::Raw => either(alternative, bytes),
        (_, wire) => value(shape, wire),
    }
}

fn value(shape: &Shape, wire: Wire<'_>) -> Result<Value, String> {
    Ok(match (shape, wire) {
        (Shape::Text, Wire::Bytes(bytes)) => text(bytes)?.into(),
        (Shape::Bytes, Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        (Shape::Int32 | Shape::Int64, Wire::Varint(number)) => number.cast_signed().into(),
        (Shape::Double, Wire::Fixed(bits)) => f64::from_bits(bits).into(),
        (Shape::Flag, Wire::Varint(number)) => (number != 0).into(),
        (Shape::Quantity { .. }, Wire::Bytes(bytes)) => Parts::read(bytes)?.texts.pop().map_or(Value::Null, Value::from),
        (Shape::Time, Wire::Bytes(bytes)) => Parts::read(bytes)?.time(written)?,
        (Shape::MicroTime, Wire::Bytes(bytes)) => Parts::read(bytes)?.time(written_finely)?,
        (Shape::IntOrString, Wire::Bytes(bytes)) => Parts::read(bytes)?.int_or_string(),
        (Shape::Raw, Wire::Bytes(bytes)) => match Parts::read(bytes)?.texts.pop() {
            Some(text) => serde_json::from_str(&text).map_err(|error| error.to_string())?,
            None => Value::Null,
        },
        // As a value of a map, a list is a message of its own.
        (Shape::List(item), Wire::Bytes(bytes)) if **item == Shape::Text => Parts::read(bytes)?.texts.into(),
        (shape @ Shape::Struct(_), Wire::Bytes(bytes)) => message(bytes, Facts::get().of(shape).ok_or(OTHER_TYPE)?)?,
        _ => return Err(OTHER_TYPE.to_owned()),
    })
}

/// A schema, or what stands in its place.
fn either(alternative: Alternative, mut bytes: &[u8]) -> Result<Value, String> {
    let known = Facts::get().named(numbers::SCHEMA).ok_or(OTHER_TYPE)?;
    let (mut schemas, mut others, mut flag) = (Vec::new(), Vec::new(), false);
    while !bytes.is_empty() {
        match (alternative, next(&mut bytes)?) {
            (Alternative::Flag, (1, Wire::Varint(number))) => flag = number != 0,
            (Alternative::Flag, (2, Wire::Bytes(bytes))) | (Alternative::List | Alternative::Texts, (1, Wire::Bytes(bytes))) => {
                schemas.push(message(bytes, known)?);
            }
            (Alternative::List, (2, Wire::Bytes(bytes))) => others.push(message(bytes, known)?),
            (Alternative::Texts, (2, Wire::Bytes(bytes))) => others.push(text(bytes)?.into()),
            (_, (number, _)) => return Err(unknown(number)),
        }
    }
    Ok(match (alternative, schemas.pop()) {
        (Alternative::Empty, _) => json!({}),
        (_, Some(schema)) if others.is_empty() => schema,
        (Alternative::Flag, _) => flag.into(),
        _ => others.into(),
    })
}

/// A small message that stands for something simpler: its numbers by their places, and its texts.
#[derive(Default)]
struct Parts {
    numbers: [Option<i64>; 3],
    texts: Vec<String>,
}

impl Parts {
    fn read(mut bytes: &[u8]) -> Result<Self, String> {
        let mut parts = Self::default();
        while !bytes.is_empty() {
            match next(&mut bytes)? {
                (place @ 1..=3, Wire::Varint(number)) => parts.numbers[place as usize - 1] = Some(number.cast_signed()),
                (_, Wire::Bytes(bytes)) => parts.texts.push(text(bytes)?),
                (number, _) => return Err(unknown(number)),
            }
        }
        Ok(parts)
    }

    /// `{1: seconds, 2: nanoseconds}`; none at all, or the epoch itself, is no time (`metav1.Time.Unmarshal`).
    fn time(&self, written: fn(Timestamp) -> String) -> Result<Value, String> {
        let [seconds, nanoseconds] = [self.numbers[0], self.numbers[1]].map(Option::unwrap_or_default);
        if (seconds, nanoseconds) == (0, 0) {
            return Ok(Value::Null);
        }
        let nanoseconds = i32::try_from(nanoseconds).map_err(|error| error.to_string())?;
        Ok(written(Timestamp::new(seconds, nanoseconds).map_err(|error| error.to_string())?).into())
    }

    /// `{1: whether it is a text, 2: the number, 3: the text}`
    fn int_or_string(mut self) -> Value {
        match (self.numbers[0], self.texts.pop()) {
            (Some(1), text) => text.unwrap_or_default().into(),
            _ => self.numbers[1].unwrap_or(0).into(),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A config map `c` with `a: b`, as Go writes it.
    const CONFIG: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x13\x0a\x09\x0a\x01c\x12\x00\x1a\x00\x42\x00\x12\x06\x0a\x01a\x12\x01b\x1a\x00\x22\x00";

    #[test]
    fn an_object_is_read_as_its_json() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}});
        assert_eq!(decode(CONFIG), Ok(Some(object)));
    }

    #[test]
    fn a_time_is_written_as_its_type_writes_it() {
        // 1970-01-01T00:00:01.5Z
        let time = |shape, bytes| value(shape, Wire::Bytes(bytes));
        let one_and_a_half = b"\x08\x01\x10\x80\xca\xb5\xee\x01";
        assert_eq!(time(&Shape::Time, one_and_a_half), Ok(json!("1970-01-01T00:00:01Z")));
        assert_eq!(time(&Shape::MicroTime, one_and_a_half), Ok(json!("1970-01-01T00:00:01.500000Z")));
        assert_eq!(time(&Shape::MicroTime, b"\x08\x01\x10\xe7\x07"), Ok(json!("1970-01-01T00:00:01.000000Z")));
        assert_eq!(time(&Shape::Time, b"\x08\x00\x10\x00"), Ok(Value::Null));
        assert_eq!(time(&Shape::Time, b""), Ok(Value::Null));
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused() {
        assert!(decode(b"{}").is_err());
        assert!(decode(&CONFIG[..CONFIG.len() - 12]).is_err());
        let config_map = Facts::get().named("core.v1.ConfigMap").unwrap();
        assert!(message(&[0x7a, 0], config_map).unwrap_err().contains("the field 15"));
        assert!(message(&[0xff; 11], config_map).is_err());
    }
}

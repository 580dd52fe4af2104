//! Objects in protobuf, made from their JSON in one pass.

use std::convert::Infallible;
use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::MAGIC;
use super::numbers::{self, Alternative, Entry, Numbers};
use crate::api::schema::{Facts, Shape, Type};

/// Why something has no form in protobuf.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unencodable {
    #[error("{0} has no form in protobuf")]
    Unknown(String),
    #[error("it cannot be written as protobuf: {0}")]
    Mismatch(String),
}

/// Where a field of a type is written.
struct Place {
    /// The messages around it, outermost first: Go embeds their types, and JSON does not show them.
    around: Vec<u64>,
    number: u64,
    shape: &'static Shape,
    alternative: Option<Alternative>,
}

/// The places of each type's fields, in the order of its fields; of each type in the order of all types.
static PLACES: LazyLock<Vec<Vec<Option<Place>>>> = LazyLock::new(|| Facts::get().types().iter().map(places).collect());

fn places(known: &'static Type) -> Vec<Option<Place>> {
    let mut places: Vec<Option<Place>> = known.fields.iter().map(|_| None).collect();
    if let Some(numbers) = numbers::of(known.name) {
        fill(&mut places, known, numbers, &[]);
    }
    places
}

fn fill(places: &mut [Option<Place>], known: &'static Type, numbers: &Numbers, around: &[u64]) {
    for (number, entry) in numbers {
        let (name, alternative) = match entry {
            Entry::Field(name) => (name, None),
            Entry::Either(name, alternative) => (name, Some(*alternative)),
            Entry::Embedded(inner) => {
                let inner = numbers::of(inner).expect("every message that is embedded has its line");
                fill(places, known, inner, &[around, &[*number]].concat());
                continue;
            }
        };
        if let Some(at) = known.position(name) {
            places[at] = Some(Place { around: around.to_vec(), number: *number, shape: &known.fields[at].shape, alternative });
        }
    }
}

/// Whether objects of a type such as `core.v1.Pod` have a form in protobuf.
pub fn is_encodable(schema: &str) -> bool {
    numbers::of(schema).is_some()
}

/// The message of an object of a type such as `core.v1.Pod`.
///
/// # Errors
/// There is none for the type, or the JSON is none of it.
pub fn object(schema: &str, json: &[u8]) -> Result<Box<[u8]>, Unencodable> {
    let shape = Facts::get().shape_of(schema).filter(|_| is_encodable(schema)).ok_or_else(|| Unencodable::Unknown(schema.to_owned()))?;
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(json);
    Whole { out: &mut out, shape }.deserialize(&mut json).map_err(|error| Unencodable::Mismatch(error.to_string()))?;
    Ok(out.into())
}

/// Anything that says its kind, in its envelope.
///
/// # Errors
/// As for [`object`].
pub fn body(value: &Value) -> Result<Bytes, Unencodable> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let known = Facts::get().kind(api_version, kind).ok_or_else(|| Unencodable::Unknown(format!("{api_version}, Kind={kind}")))?;
    Ok(enveloped(api_version, kind, &object(known.name, value.to_string().as_bytes())?))
}

/// The message of an object's metadata alone (`PartialObjectMetadata`).
///
/// # Errors
/// The metadata are none.
pub fn metadata(metadata: &Value) -> Result<Box<[u8]>, Unencodable> {
    let message = object("apis.meta.v1.ObjectMeta", metadata.to_string().as_bytes())?;
    let mut out = Vec::with_capacity(size_of_field(message.len()));
    bytes(&mut out, 1, &message);
    Ok(out.into())
}

/// A list of objects' messages, with its `ListMeta`, in its envelope.
///
/// # Errors
/// The metadata are none.
pub fn list(api_version: &str, kind: &str, metadata: &Value, items: &[&[u8]]) -> Result<Bytes, Unencodable> {
    let metadata = object("apis.meta.v1.ListMeta", metadata.to_string().as_bytes())?;
    let size = size_of_field(metadata.len()) + items.iter().map(|item| size_of_field(item.len())).sum::<usize>();
    Ok(envelope(api_version, kind, size, |out| {
        bytes(out, 1, &metadata);
        items.iter().for_each(|item| bytes(out, 2, item));
    }))
}

/// A message in its envelope.
pub fn enveloped(api_version: &str, kind: &str, message: &[u8]) -> Bytes {
    envelope(api_version, kind, message.len(), |out| out.extend_from_slice(message))
}

/// An envelope (`runtime.Unknown`) around a message of that size.
fn envelope(api_version: &str, kind: &str, size: usize, message: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::with_capacity(size + api_version.len() + kind.len() + 32);
    out.extend_from_slice(MAGIC);
    field(&mut out, 1, |out| {
        bytes(out, 1, api_version.as_bytes());
        bytes(out, 2, kind.as_bytes());
    });
    tag(&mut out, 2, LENGTH);
    varint(&mut out, size as u64);
    message(&mut out);
    // How the message is encoded, and its content's type: nothing to say.
    bytes(&mut out, 3, b"");
    bytes(&mut out, 4, b"");
    out.into()
}

/// An event of a watch (`WatchEvent`): a message behind its length, around an object in its envelope.
pub fn event(into: &mut BytesMut, kind: &str, object: &[u8]) {
    let mut event = Vec::with_capacity(object.len() + kind.len() + 24);
    bytes(&mut event, 1, kind.as_bytes());
    field(&mut event, 2, |out| bytes(out, 1, object));
    into.put_u32(u32::try_from(event.len()).expect("an object is far smaller than 4 GiB"));
    into.extend_from_slice(&event);
}

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn tag(out: &mut Vec<u8>, number: u64, wire: u64) {
    varint(out, number << 3 | wire);
}

fn bytes(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    tag(out, number, LENGTH);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn number(out: &mut Vec<u8>, field: u64, value: i64) {
    tag(out, field, VARINT);
    varint(out, value.cast_unsigned());
}

/// A field whose content's length is known only once it is written.
fn delimited<T, E>(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>) -> Result<T, E> {
    tag(out, number, LENGTH);
    let start = out.len();
    // The length of most messages takes one byte.
    out.push(0);
    let written = write(out)?;
    let length = out.len() - start - 1;
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out[start] = short,
        _ => {
            let mut long = Vec::with_capacity(5);
            varint(&mut long, length as u64);
            out.splice(start..=start, long);
        }
    }
    Ok(written)
}

/// The same for what cannot fail.
fn field(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let Ok(()) = delimited(out, number, |out| {
        write(out);
        Ok::<_, Infallible>(())
    });
}

/// What a field of so many bytes takes, with a number below 16 before it.
fn size_of_field(length: usize) -> usize {
    let bits = usize::BITS - (length | 1).leading_zeros();
    1 + bits.div_ceil(7) as usize + length
}

/// The same within the messages around the field.
fn within<T, E>(out: &mut Vec<u8>, around: &[u64], write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>) -> Result<T, E> {
    match around {
        [] => write(out),
        [outer, inner @ ..] => delimited(out, *outer, |out| within(out, inner, write)),
    }
}

/// An object of a type, without a field's number before it.
struct Whole<'a> {
    out: &'a mut Vec<u8>,
    shape: &'static Shape,
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        structure(self.out, self.shape, map)
    }
}

/// The fields of an object. Those that have no place are headers: the kind, and what stands for it.
fn structure<'de, A: MapAccess<'de>>(out: &mut Vec<u8>, shape: &'static Shape, mut map: A) -> Result<(), A::Error> {
    let Shape::Struct(index) = shape else { return Err(A::Error::custom("an object where none belongs")) };
    let (known, places) = (&Facts::get().types()[*index], &PLACES[*index]);
    while let Some(position) = map.next_key_seed(Key(known))? {
        let Some(place) = position.and_then(|position| places[position].as_ref()) else {
            map.next_value::<IgnoredAny>()?;
            continue;
        };
        let Place { around, number, shape, alternative } = place;
        within(out, around, |out| map.next_value_seed(Part { out, number: *number, shape, alternative: *alternative }))?;
    }
    Ok(())
}

/// Finds a field of a type by its name.
struct Key(&'static Type);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.position(name))
    }
}

/// The content of a field, with its number before it; of a list or a map, each item with the number.
struct Part<'a> {
    out: &'a mut Vec<u8>,
    number: u64,
    shape: &'static Shape,
    alternative: Option<Alternative>,
}

impl Part<'_> {
    fn item(&mut self, shape: &'static Shape) -> Part<'_> {
        Part { out: &mut *self.out, number: self.number, shape, alternative: self.alternative }
    }

    fn mismatch<E: Error>(&self, what: &str) -> E {
        E::custom(format!("{what} where {:?} belongs", self.shape))
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if *self.shape == Shape::Raw && self.alternative.is_none() {
            let raw = <&RawValue>::deserialize(deserializer)?.get();
            if raw != "null" {
                field(self.out, self.number, |out| {
                    bytes(out, 1, raw.as_bytes());
                });
            }
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shape)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        match (self.shape, self.alternative) {
            (Shape::Flag, _) => number(self.out, self.number, flag.into()),
            (_, Some(Alternative::Flag)) => {
                field(self.out, self.number, |out| {
                    number(out, 1, flag.into());
                });
            }
            _ => return Err(self.mismatch("a boolean")),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.shape {
            Shape::Int32 | Shape::Int64 => number(self.out, self.number, value),
            #[expect(clippy::cast_precision_loss, reason = "as every reader of JSON has it")]
            Shape::Double => return self.visit_f64(value as f64),
            Shape::Quantity { .. } => return self.visit_str(&value.to_string()),
            Shape::IntOrString => {
                field(self.out, self.number, |out| {
                    number(out, 1, 0);
                    number(out, 2, value);
                });
            }
            _ => return Err(self.mismatch("a number")),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(error) => Err(E::custom(error)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if *self.shape != Shape::Double {
            return Err(self.mismatch("a fraction"));
        }
        tag(self.out, self.number, FIXED64);
        self.out.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.shape {
            Shape::Text => bytes(self.out, self.number, text.as_bytes()),
            Shape::Bytes => bytes(self.out, self.number, &STANDARD.decode(text).map_err(E::custom)?),
            Shape::Quantity { .. } => {
                field(self.out, self.number, |out| {
                    bytes(out, 1, text.as_bytes());
                });
            }
            Shape::IntOrString => {
                field(self.out, self.number, |out| {
                    number(out, 1, 1);
                    bytes(out, 3, text.as_bytes());
                });
            }
            Shape::Time | Shape::MicroTime => {
                let time: Timestamp = text.parse().map_err(E::custom)?;
                field(self.out, self.number, |out| {
                    number(out, 1, time.as_second());
                    number(out, 2, time.subsec_nanosecond().into());
                });
            }
            _ => return Err(self.mismatch("a text")),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        match (self.shape, self.alternative) {
            (Shape::List(item), _) => while items.next_element_seed(self.item(item))?.is_some() {},
            (_, Some(Alternative::List | Alternative::Texts)) => {
                let (shape, number) = (alternative_item(self.alternative), 2);
                return delimited(self.out, self.number, |out| {
                    while items.next_element_seed(Part { out: &mut *out, number, shape, alternative: None })?.is_some() {}
                    Ok(())
                });
            }
            _ => return Err(self.mismatch("a list")),
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { out, number, shape, alternative } = self;
        match (shape, alternative) {
            (Shape::Struct(_), _) => delimited(out, number, |out| structure(out, shape, map)),
            (Shape::Map(item), _) => {
                while let Some(key) = map.next_key::<String>()? {
                    delimited(out, number, |out| {
                        bytes(out, 1, key.as_bytes());
                        map.next_value_seed(MapValue { out, shape: item, alternative })
                    })?;
                }
                Ok(())
            }
            (_, Some(Alternative::Empty)) => delimited(out, number, |_| {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }),
            (_, Some(alternative)) => delimited(out, number, |out| {
                let at = if alternative == Alternative::Flag {
                    // A schema allows what it describes.
                    self::number(out, 1, 1);
                    2
                } else {
                    1
                };
                delimited(out, at, |out| structure(out, schema_props(), map))
            }),
            _ => Err(A::Error::custom(format!("an object where {shape:?} belongs"))),
        }
    }
}

/// The value of a map's entry: a list is a message of its own there.
struct MapValue<'a> {
    out: &'a mut Vec<u8>,
    shape: &'static Shape,
    alternative: Option<Alternative>,
}

impl<'de> DeserializeSeed<'de> for MapValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { out, shape, alternative } = self;
        match shape {
            Shape::List(_) => delimited(out, 2, |out| Part { out, number: 1, shape, alternative }.deserialize(deserializer)),
            _ => Part { out, number: 2, shape, alternative }.deserialize(deserializer),
        }
    }
}

fn schema_props() -> &'static Shape {
    Facts::get().shape_of(numbers::SCHEMA).expect("the type of schemas is known")
}

/// What the items of a list are that stands where a schema may stand.
fn alternative_item(alternative: Option<Alternative>) -> &'static Shape {
    if alternative == Some(Alternative::Texts) { &Shape::Text } else { schema_props() }
}

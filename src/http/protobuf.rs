//! Bodies in Kubernetes' protobuf envelope, for the kinds that kubectl itself writes that way. A field that is not in these tables is
//! refused, never dropped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Buf;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::status::Status;

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How a field is read. What may be absent in Go is kept when it is zero; the rest is then left out, as Go's JSON does.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Bytes,
    Number,
    OptionalNumber,
    OptionalBool,
    Bool,
    Time,
    /// A message with one text, which stands for it.
    Wrapped,
    Message(&'static [Field]),
    List(&'static Type),
    Map(&'static Type),
}

use Type::{Bool, Bytes, List, Map as MapOf, Message, Number, OptionalBool, OptionalNumber, Text, Time, Wrapped};

/// A field's number, its name in JSON and its type.
type Field = (u64, &'static str, Type);

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", OptionalBool),
    (7, "blockOwnerDeletion", OptionalBool),
];
const METADATA: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (4, "selfLink", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Number),
    (8, "creationTimestamp", Time),
    (11, "labels", MapOf(&Text)),
    (12, "annotations", MapOf(&Text)),
    (13, "ownerReferences", List(&Message(OWNER))),
    (14, "finalizers", List(&Text)),
];
const NAMESPACE: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(&[(1, "finalizers", List(&Text))])),
    (3, "status", Message(&[(1, "phase", Text)])),
];
const CONFIG_MAP: &[Field] =
    &[(1, "metadata", Message(METADATA)), (2, "data", MapOf(&Text)), (3, "binaryData", MapOf(&Bytes)), (4, "immutable", OptionalBool)];
const SECRET: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (2, "data", MapOf(&Bytes)),
    (3, "type", Text),
    (4, "stringData", MapOf(&Text)),
    (5, "immutable", OptionalBool),
];
const SERVICE_ACCOUNT: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (3, "imagePullSecrets", List(&Message(&[(1, "name", Text)]))),
    (4, "automountServiceAccountToken", OptionalBool),
];
const RESOURCE_QUOTA: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (2, "spec", Message(&[(1, "hard", MapOf(&Wrapped)), (2, "scopes", List(&Text))])),
    (3, "status", Message(&[])),
];
const PRIORITY_CLASS: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (2, "value", Number),
    (3, "globalDefault", Bool),
    (4, "description", Text),
    (5, "preemptionPolicy", Text),
];
const BOUND_OBJECT: &[Field] = &[(1, "kind", Text), (2, "apiVersion", Text), (3, "name", Text), (4, "uid", Text)];
const TOKEN_REQUEST: &[Field] = &[
    (1, "metadata", Message(METADATA)),
    (
        2,
        "spec",
        Message(&[(1, "audiences", List(&Text)), (3, "boundObjectRef", Message(BOUND_OBJECT)), (4, "expirationSeconds", OptionalNumber)]),
    ),
    (3, "status", Message(&[(1, "token", Text), (2, "expirationTimestamp", Time)])),
];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", OptionalNumber),
    (2, "preconditions", Message(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (3, "orphanDependents", OptionalBool),
    (4, "propagationPolicy", Text),
    (5, "dryRun", List(&Text)),
];
const EVICTION: &[Field] = &[(1, "metadata", Message(METADATA)), (2, "deleteOptions", Message(DELETE_OPTIONS))];
const ENVELOPE: &[Field] = &[
    (1, "type", Message(&[(1, "apiVersion", Text), (2, "kind", Text)])),
    (2, "raw", Bytes),
    (3, "contentEncoding", Text),
    (4, "contentType", Text),
];

fn fields(api_version: &str, kind: &str) -> Option<&'static [Field]> {
    Some(match (api_version, kind) {
        ("v1", "Namespace") => NAMESPACE,
        ("v1", "ConfigMap") => CONFIG_MAP,
        ("v1", "Secret") => SECRET,
        ("v1", "ServiceAccount") => SERVICE_ACCOUNT,
        ("v1", "ResourceQuota") => RESOURCE_QUOTA,
        ("scheduling.k8s.io/v1", "PriorityClass") => PRIORITY_CLASS,
        ("authentication.k8s.io/v1", "TokenRequest") => TOKEN_REQUEST,
        ("policy/v1", "Eviction") => EVICTION,
        (_, "DeleteOptions") => DELETE_OPTIONS,
        _ => return None,
    })
}

/// The object as its JSON.
///
/// # Errors
/// `None` for a kind that is not read from protobuf; `BadRequest` for bytes that are none.
pub fn decode(body: &[u8]) -> Result<Option<Value>, Status> {
    let damaged = |why: String| Status::bad_request(format!("the protobuf body cannot be read: {why}; send JSON instead"));
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as such bodies do".to_owned()))?;
    let envelope = message(envelope, ENVELOPE).map_err(damaged)?;
    let text = |pointer: &str| envelope.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("/type/apiVersion"), text("/type/kind"));
    let Some(fields) = fields(api_version, kind) else { return Ok(None) };
    let raw = STANDARD.decode(text("/raw")).map_err(|error| damaged(error.to_string()))?;
    let mut object = message(&raw, fields).map_err(damaged)?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Ok(Some(object))
}

/// One field as it stands on the wire.
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

fn next<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Wire<'a>), String> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(bytes)?),
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

fn message(mut bytes: &[u8], fields: &[Field]) -> Result<Value, String> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = next(&mut bytes)?;
        let (_, name, kind) =
            fields.iter().find(|field| field.0 == number).ok_or_else(|| format!("the field {number} is not known here"))?;
        match (kind, wire) {
            (List(item), wire) => {
                let items = object.entry(*name).or_insert_with(|| json!([]));
                items.as_array_mut().expect("made as a list").push(value(**item, wire)?);
            }
            (MapOf(item), Wire::Bytes(entry)) => {
                let (key, value) = map_entry(entry, **item)?;
                let entries = object.entry(*name).or_insert_with(|| json!({}));
                entries.as_object_mut().expect("made as a map").insert(key, value);
            }
            (kind, wire) => {
                let value = value(*kind, wire)?;
                let is_zero = match kind {
                    Text => value == "",
                    Number => value == 0,
                    Bool => value == false,
                    _ => value.is_null(),
                };
                if !is_zero {
                    object.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Ok(object.into())
}

fn map_entry(mut entry: &[u8], item: Type) -> Result<(String, Value), String> {
    let (mut key, mut content) = (String::new(), None);
    while !entry.is_empty() {
        match next(&mut entry)? {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, wire) => content = Some(value(item, wire)?),
            _ => return Err("a map's entry is damaged".to_owned()),
        }
    }
    Ok((key, content.unwrap_or_else(|| "".into())))
}

fn value(kind: Type, wire: Wire<'_>) -> Result<Value, String> {
    Ok(match (kind, wire) {
        (Text, Wire::Bytes(bytes)) => text(bytes)?.into(),
        (Bytes, Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        (Number | OptionalNumber, Wire::Varint(number)) => number.cast_signed().into(),
        (Bool | OptionalBool, Wire::Varint(number)) => (number != 0).into(),
        (Message(fields), Wire::Bytes(bytes)) => message(bytes, fields)?,
        (Wrapped, Wire::Bytes(bytes)) => message(bytes, &[(1, "text", Text)])?["text"].take(),
        (Time, Wire::Bytes(bytes)) => {
            let time = message(bytes, &[(1, "seconds", Number), (2, "nanos", Number)])?;
            match time["seconds"].as_i64() {
                Some(seconds) => Timestamp::from_second(seconds).map_err(|error| error.to_string())?.to_string().into(),
                None => Value::Null,
            }
        }
        _ => return Err("a field is of another type".to_owned()),
    })
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
    fn what_is_damaged_or_unknown_is_refused() {
        assert!(decode(b"{}").is_err());
        assert!(decode(&CONFIG[..CONFIG.len() - 12]).is_err());
        assert!(message(&[0x7a, 0], CONFIG_MAP).unwrap_err().contains("the field 15"));
        assert!(message(&[0xff; 11], CONFIG_MAP).is_err());
    }
}

//! OpenAPI v2 in protobuf, as gnostic's `openapi.v2` messages define it: the form in which clients before kubectl 1.29 read it.

use serde_json::{Map, Value};

/// The fields of a message: the name in JSON, the number on the wire and the form.
struct Message(&'static [(&'static str, u64, Form)]);

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Flag,
    /// A 64-bit integer.
    Count,
    /// A double.
    Number,
    /// A list of texts, of which there may be one without its list.
    Texts,
    /// Any JSON, in gnostic's `Any`.
    Json,
    /// A list of such.
    Jsons,
    /// A message, within messages that have nothing but the field of this number each.
    Message(&'static [u64], &'static Message),
    /// A list of messages.
    Messages(&'static Message),
    /// A map: messages of a name and a value each under this number, within one message of their own; the value within others.
    Named(u64, &'static [u64], &'static Message),
    /// A list of parameters: which message one is says where it stands.
    Parameters,
}

static DOCUMENT: Message = Message(&[
    ("swagger", 1, Form::Text),
    ("info", 2, Form::Message(&[], &Message(&[("title", 1, Form::Text), ("version", 2, Form::Text)]))),
    ("paths", 8, Form::Named(2, &[], &PATH)),
    ("definitions", 9, Form::Named(1, &[], &SCHEMA)),
]);

static PATH: Message = Message(&[
    ("get", 2, Form::Message(&[], &OPERATION)),
    ("put", 3, Form::Message(&[], &OPERATION)),
    ("post", 4, Form::Message(&[], &OPERATION)),
    ("delete", 5, Form::Message(&[], &OPERATION)),
    ("patch", 8, Form::Message(&[], &OPERATION)),
]);

static OPERATION: Message = Message(&[
    ("consumes", 7, Form::Texts),
    ("parameters", 8, Form::Parameters),
    ("responses", 9, Form::Named(1, &[1], &RESPONSE)),
    extensions(13),
]);

static RESPONSE: Message = Message(&[("description", 1, Form::Text), ("schema", 2, Form::Message(&[1], &SCHEMA))]);

static BODY: Message =
    Message(&[("name", 2, Form::Text), ("in", 3, Form::Text), ("required", 4, Form::Flag), ("schema", 5, Form::Message(&[], &SCHEMA))]);

static QUERY: Message =
    Message(&[("in", 2, Form::Text), ("name", 4, Form::Text), ("type", 6, Form::Text), ("uniqueItems", 20, Form::Flag)]);

static SCHEMA: Message = Message(&[
    ("$ref", 1, Form::Text),
    ("format", 2, Form::Text),
    ("title", 3, Form::Text),
    ("description", 4, Form::Text),
    ("default", 5, Form::Json),
    ("multipleOf", 6, Form::Number),
    ("maximum", 7, Form::Number),
    ("exclusiveMaximum", 8, Form::Flag),
    ("minimum", 9, Form::Number),
    ("exclusiveMinimum", 10, Form::Flag),
    ("maxLength", 11, Form::Count),
    ("minLength", 12, Form::Count),
    ("pattern", 13, Form::Text),
    ("maxItems", 14, Form::Count),
    ("minItems", 15, Form::Count),
    ("maxProperties", 17, Form::Count),
    ("minProperties", 18, Form::Count),
    ("required", 19, Form::Texts),
    ("enum", 20, Form::Jsons),
    ("additionalProperties", 21, Form::Message(&[1], &SCHEMA)),
    ("type", 22, Form::Message(&[], &Message(&[("", 1, Form::Texts)]))),
    ("items", 23, Form::Message(&[1], &SCHEMA)),
    ("allOf", 24, Form::Messages(&SCHEMA)),
    ("properties", 25, Form::Named(1, &[], &SCHEMA)),
    extensions(31),
]);

/// The field of a message that holds what begins with this.
const EXTENSION: &str = "x-";

const fn extensions(number: u64) -> (&'static str, u64, Form) {
    (EXTENSION, number, Form::Json)
}

/// Whether a schema's word has a place.
pub(super) fn knows(word: &str) -> bool {
    SCHEMA.0.iter().any(|field| field.0 == word) || word.starts_with(EXTENSION)
}

/// # Panics
/// The document has what the messages here have no place for.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    message(&mut bytes, document, &DOCUMENT);
    bytes
}

fn message(bytes: &mut Vec<u8>, value: &Value, fields: &Message) {
    // What is a message on the wire only.
    let Value::Object(object) = value else { return write(bytes, fields.0[0].1, value, fields.0[0].2) };
    for (name, value) in object {
        match fields.0.iter().find(|field| field.0 == name || (field.0 == EXTENSION && name.starts_with(EXTENSION))) {
            Some((EXTENSION, number, _)) => nested(bytes, *number, |bytes| {
                text(bytes, 1, name);
                write(bytes, 2, value, Form::Json);
            }),
            Some((_, number, form)) => write(bytes, *number, value, *form),
            None => panic!("OpenAPI documents say {name:?}, which has no place in protobuf: {value}"),
        }
    }
}

fn write(bytes: &mut Vec<u8>, number: u64, value: &Value, form: Form) {
    match form {
        Form::Text => text(bytes, number, value.as_str().unwrap_or_default()),
        Form::Flag => {
            varint(bytes, number << 3);
            varint(bytes, u64::from(value == true));
        }
        Form::Count => {
            varint(bytes, number << 3);
            varint(bytes, value.as_i64().unwrap_or_default().cast_unsigned());
        }
        Form::Number => {
            varint(bytes, number << 3 | 1);
            bytes.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
        }
        Form::Texts => each(value, |value| write(bytes, number, value, Form::Text)),
        // JSON is YAML, in which gnostic keeps it.
        Form::Json => nested(bytes, number, |bytes| text(bytes, 2, &value.to_string())),
        Form::Jsons => each(value, |value| write(bytes, number, value, Form::Json)),
        Form::Message(within, fields) => nested(bytes, number, |bytes| wrapped(bytes, within, value, fields)),
        Form::Messages(fields) => each(value, |value| nested(bytes, number, |bytes| message(bytes, value, fields))),
        Form::Named(entries, within, fields) => nested(bytes, number, |bytes| {
            for (name, value) in value.as_object().into_iter().flat_map(Map::iter) {
                nested(bytes, entries, |bytes| {
                    text(bytes, 1, name);
                    nested(bytes, 2, |bytes| wrapped(bytes, within, value, fields));
                });
            }
        }),
        Form::Parameters => each(value, |value| {
            let (within, fields): (&[u64], &Message) = if value["in"] == "body" { (&[1, 1], &BODY) } else { (&[1, 2, 3], &QUERY) };
            nested(bytes, number, |bytes| wrapped(bytes, within, value, fields));
        }),
    }
}

/// The value itself if it is no list.
fn each(value: &Value, item: impl FnMut(&Value)) {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().for_each(item);
}

fn wrapped(bytes: &mut Vec<u8>, within: &[u64], value: &Value, fields: &Message) {
    match within {
        [] => message(bytes, value, fields),
        [number, within @ ..] => nested(bytes, *number, |bytes| wrapped(bytes, within, value, fields)),
    }
}

fn nested(bytes: &mut Vec<u8>, number: u64, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    field(bytes, number, &inner);
}

fn text(bytes: &mut Vec<u8>, number: u64, text: &str) {
    field(bytes, number, text.as_bytes());
}

fn field(bytes: &mut Vec<u8>, number: u64, content: &[u8]) {
    varint(bytes, number << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_word_has_its_number_and_its_length() {
        assert_eq!(encode(&json!({"swagger": "2.0", "info": {"title": "K"}})), b"\x12\x03\x0a\x01K\x0a\x032.0");
        // A definition `d` whose type is a list of one text, and an extension as YAML.
        let definitions = json!({"definitions": {"d": {"type": "object", "x-y": 1}}});
        let schema = b"\xb2\x01\x08\x0a\x06object\xfa\x01\x0a\x0a\x03x-y\x12\x03\x12\x011";
        let mut named = b"\x0a\x01d\x12".to_vec();
        named.push(schema.len() as u8);
        named.extend_from_slice(schema);
        let expected = [b"\x4a", [named.len() as u8 + 2].as_slice(), b"\x0a", &[named.len() as u8], &named].concat();
        assert_eq!(encode(&definitions), expected);
    }

    #[test]
    fn where_a_parameter_stands_says_which_message_it_is() {
        let document = json!({"paths": {"/p": {"get": {"parameters": [{"in": "query"}, {"in": "body"}]}}}});
        let query = b"\x42\x0d\x0a\x0b\x12\x09\x1a\x07\x12\x05query";
        let body = b"\x42\x0a\x0a\x08\x0a\x06\x1a\x04body";
        let encoded = encode(&document);
        assert!(encoded.windows(query.len()).any(|part| part == query), "{encoded:x?}");
        assert!(encoded.windows(body.len()).any(|part| part == body), "{encoded:x?}");
    }

    #[test]
    #[should_panic(expected = "has no place in protobuf")]
    fn nothing_is_left_out_silently() {
        encode(&json!({"swagger": "2.0", "host": "h"}));
    }
}

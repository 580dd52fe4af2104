//! Objects with everything in them, for tests.

use serde_json::{Map, Value, json};

use super::{Facts, Shape, Type};

/// How deep a sample goes where types hold themselves.
const DEPTH: usize = 9;

/// An object of a type with something in each of its fields, but those that say its kind.
pub fn sample(known: &Type) -> Value {
    structure(known, DEPTH)
}

fn structure(known: &Type, depth: usize) -> Value {
    let fields = known.fields.iter().filter(|field| !is_header(known, field.name));
    let fields = fields.filter_map(|field| Some((field.name.to_owned(), content(known, field.name, &field.shape, depth)?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn is_header(known: &Type, name: &str) -> bool {
    matches!(name, "apiVersion" | "kind") && known.fields.iter().any(|field| field.name == "metadata")
}

fn content(known: &Type, name: &str, shape: &Shape, depth: usize) -> Option<Value> {
    if depth == 0 {
        return None;
    }
    Some(match shape {
        Shape::Text => format!("{name} ü").into(),
        Shape::Flag => true.into(),
        Shape::Int32 => (-7).into(),
        Shape::Int64 => 5_000_000_000_i64.into(),
        Shape::Double => 0.5.into(),
        Shape::Bytes => "AAH/".into(),
        Shape::Quantity { .. } => "100m".into(),
        Shape::Time => "2026-01-02T03:04:05Z".into(),
        Shape::MicroTime => "2026-01-02T03:04:05.000006Z".into(),
        Shape::IntOrString => {
            if name.len().is_multiple_of(2) {
                json!("10%")
            } else {
                json!(8080)
            }
        }
        Shape::Raw => raw(known, name),
        Shape::List(item) => json!([content(known, name, item, depth - 1)?]),
        Shape::Map(item) => json!({"a/b": content(known, name, item, depth - 1)?}),
        Shape::Struct(_) => structure(Facts::get().of(shape).unwrap(), depth - 1),
    })
}

/// What is written in a way of its own.
fn raw(known: &Type, name: &str) -> Value {
    match (known.short_name(), name) {
        ("JSONSchemaProps", "items") => json!([{"type": "string"}, {"type": "integer"}]),
        ("JSONSchemaProps", "additionalProperties") => json!({"type": "string"}),
        ("JSONSchemaProps", "additionalItems") => json!(false),
        ("JSONSchemaProps", "dependencies") => json!(["x", "y"]),
        ("CustomResourceSubresources", "status") => json!({}),
        _ => json!({"a": [1, null, "x"]}),
    }
}

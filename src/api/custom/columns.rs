//! The columns of a table that a definition declares (`additionalPrinterColumns`).

use std::sync::Arc;

use serde_json::Value;

use super::json_path::JsonPath;
use crate::api::kinds::{Cell, Column, age, name, since};

/// The columns of one version. Without any of its own it has the name and the age.
pub fn columns(version: &Value) -> Vec<Column> {
    let declared = version["additionalPrinterColumns"].as_array().map_or(&[][..], Vec::as_slice);
    let mut columns = vec![name()];
    if declared.is_empty() {
        columns.push(age().of("date"));
    }
    columns.extend(declared.iter().filter_map(column));
    columns
}

fn column(declared: &Value) -> Option<Column> {
    let text = |field: &str| declared[field].as_str().unwrap_or_default().to_owned();
    let path = JsonPath::parse(&text("jsonPath")).ok()?;
    let kind = text("type");
    let of_kind: fn(&Value) -> Value = match kind.as_str() {
        "integer" => whole,
        "number" => |value| if value.is_number() { value.clone() } else { Value::Null },
        "boolean" => |value| if value.is_boolean() { value.clone() } else { Value::Null },
        "date" => |value| value.as_str().map_or(Value::Null, |time| since(time).replace("<unknown>", "<invalid>").into()),
        "string" => shown,
        _ => |_| Value::Null,
    };
    Some(Column {
        name: text("name").into(),
        format: text("format").into(),
        kind: kind.into(),
        priority: declared["priority"].as_i64().and_then(|priority| i32::try_from(priority).ok()).unwrap_or_default(),
        cell: Cell::Declared(Arc::new(move |object| path.find(object).first().map_or(Value::Null, |found| of_kind(found)))),
    })
}

/// A number without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "Go's conversion cuts, too")]
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)).into(),
        _ => Value::Null,
    }
}

/// Scalars as they are, all else as JSON.
fn shown(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

//! What the cells of tables show: pure functions of an object's JSON.

use serde_json::Value;

use super::column::{human, since};
use super::fields::Fields;

pub mod admission_registration;
pub mod autoscaling;
pub mod certificate;
pub mod cluster;
pub mod device;
pub mod event;
pub mod extension;
pub mod flow_control;
pub mod job;
pub mod networking;
pub mod pod;
pub mod rbac;
pub mod service;
pub mod storage;
pub mod workload;

const NONE: &str = "<none>";
const UNSET: &str = "<unset>";

/// A text, or what stands for its absence.
fn or<'a>(text: &'a str, absent: &'a str) -> &'a str {
    if text.is_empty() { absent } else { text }
}

/// Labels as `a=1,b=2`.
fn labels(object: &Value, pointer: &str) -> String {
    let labels = object.pointer(pointer).and_then(Value::as_object);
    let mut pairs: Vec<_> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    pairs.sort();
    or(&pairs.join(","), NONE).to_owned()
}

/// One field of every item of a list, joined by commas.
fn joined(items: &[Value], pointer: &str) -> String {
    items.iter().map(|item| item.text(pointer)).collect::<Vec<_>>().join(",")
}

/// The first three of a list, and how many more there are.
fn first_three(list: &[String], empty: &str) -> String {
    match list {
        [] => empty.to_owned(),
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a},{b},{c} + {} more...", rest.len()),
        _ => list.join(","),
    }
}

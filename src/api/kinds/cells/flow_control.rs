//! The cells of flow schemas and priority levels.

use serde_json::Value;

use super::{Fields, NONE};

pub fn distinguisher(schema: &Value) -> Value {
    or_none(schema, "/spec/distinguisherMethod/type")
}

/// Whether the level that the schema names is missing; `?` until somebody has looked.
pub fn missing_level(schema: &Value) -> Value {
    let dangling = schema.list("/status/conditions").iter().find(|condition| condition.text("/type") == "Dangling");
    dangling.map_or("?", |condition| condition.text("/status")).into()
}

pub fn shares(level: &Value) -> Value {
    or_none(level, "/spec/limited/nominalConcurrencyShares")
}

pub fn queues(level: &Value) -> Value {
    or_none(level, "/spec/limited/limitResponse/queuing/queues")
}

pub fn hand_size(level: &Value) -> Value {
    or_none(level, "/spec/limited/limitResponse/queuing/handSize")
}

pub fn queue_length(level: &Value) -> Value {
    or_none(level, "/spec/limited/limitResponse/queuing/queueLengthLimit")
}

fn or_none(object: &Value, pointer: &str) -> Value {
    object.at(pointer).cloned().unwrap_or_else(|| NONE.into())
}

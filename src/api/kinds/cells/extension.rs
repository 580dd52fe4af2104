//! The cells of API services.

use serde_json::Value;

use super::Fields;

/// The service that answers, unless this server does.
pub fn service(service: &Value) -> Value {
    match service.at("/spec/service") {
        Some(behind) if behind.is_object() => format!("{}/{}", behind.text("/namespace"), behind.text("/name")).into(),
        _ => "Local".into(),
    }
}

pub fn available(service: &Value) -> Value {
    let condition = service.list("/status/conditions").iter().find(|condition| condition.text("/type") == "Available");
    let Some(condition) = condition else { return "Unknown".into() };
    match (condition.text("/status"), condition.text("/reason")) {
        (status @ "True", _) | (status, "") => status.into(),
        (status, reason) => format!("{status} ({reason})").into(),
    }
}

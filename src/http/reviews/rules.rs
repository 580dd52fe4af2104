//! `SelfSubjectRulesReview`: all that who asks may do in a namespace (`kubectl auth can-i --list`).

use serde_json::{Value, json};

use crate::api::status::Status;
use crate::http::front::Exchange;

/// The answer repeats nothing of the question.
pub fn own(exchange: &Exchange, mut question: Value) -> Result<Value, Status> {
    let namespace = question.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let rules = exchange.front.api.authorizer().rules(&exchange.user, namespace);
    question["status"] = serde_json::to_value(rules).map_err(Status::internal)?;
    question["metadata"] = json!({});
    question["spec"] = json!({});
    Ok(question)
}

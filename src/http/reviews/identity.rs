//! `SelfSubjectReview`: who the server takes the client for (`kubectl auth whoami`).

use serde_json::{Value, json};

use crate::api::status::Status;
use crate::http::front::Exchange;
use crate::runtime::clock;

/// What the body says is no matter: a client cannot choose who it is.
pub fn own(exchange: &Exchange, mut question: Value) -> Result<Value, Status> {
    question["metadata"] = json!({"creationTimestamp": format!("{:.0}", clock::now())});
    question["status"] = json!({"userInfo": exchange.user.info()});
    Ok(question)
}

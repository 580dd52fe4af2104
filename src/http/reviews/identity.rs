//! `SelfSubjectReview`: who the server takes the client for (`kubectl auth whoami`).

use serde_json::{Value, json};

use crate::api::status::Status;
use crate::api::verbs::User;
use crate::http::front::Exchange;
use crate::runtime::clock;

/// What the body says is no matter: a client cannot choose who it is.
pub fn own(exchange: &Exchange, mut question: Value) -> Result<Value, Status> {
    question["metadata"] = json!({"creationTimestamp": format!("{:.0}", clock::now())});
    question["status"] = json!({"userInfo": user_info(&exchange.user)});
    Ok(question)
}

/// A user as reviews show one.
pub(super) fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = user.uid.as_str().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

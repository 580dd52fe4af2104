//! `TokenReview`: whose a bearer token is, if it is good (what kubelets and extension servers ask about their own clients).

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use crate::api::status::Status;
use crate::api::tokens::ISSUER;
use crate::http::front::Exchange;

/// The token is not repeated in the answer.
pub fn whose(exchange: &Exchange, question: Value) -> LocalBoxFuture<'_, Result<Value, Status>> {
    answered(exchange, question).boxed_local()
}

async fn answered(exchange: &Exchange, mut question: Value) -> Result<Value, Status> {
    let token = question["spec"]["token"].as_str().unwrap_or_default().to_owned();
    if token.is_empty() {
        return Err(Status::bad_request("token is required for TokenReview in authentication"));
    }
    let asked = question["spec"]["audiences"].as_array().into_iter().flatten();
    let mut audiences: Vec<String> = asked.filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    question["status"] = match exchange.front.authenticator.by_token(&token, &audiences).await {
        Ok((user, audiences)) => json!({"authenticated": true, "user": user.info(), "audiences": audiences}),
        Err(why) if why.is_empty() => json!({"error": INVALID, "user": {}}),
        Err(why) => json!({"error": format!("[{INVALID}, {why}]"), "user": {}}),
    };
    Ok(question)
}

const INVALID: &str = "invalid bearer token";

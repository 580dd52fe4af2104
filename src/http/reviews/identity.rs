//! `SelfSubjectReview`: who the server takes the client for (`kubectl auth whoami`). It is asked by a POST, and nothing is kept.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::front::Exchange;
use super::negotiation::Offer;
use super::request::RequestInfo;
use super::{body, response};
use crate::api::status::Status;
use crate::api::verbs::User;
use crate::runtime::clock;

pub const GROUP: &str = "authentication.k8s.io";
pub const PLURAL: &str = "selfsubjectreviews";

/// Whether a request asks for it.
pub fn is_asked(info: &RequestInfo) -> bool {
    info.verb == "create"
        && info.resource.as_ref().is_some_and(|resource| {
            (resource.group.as_str(), resource.version.as_str(), resource.plural.as_str(), resource.name.as_str())
                == (GROUP, "v1", PLURAL, "")
        })
}

/// What the body says is no matter: a client cannot choose who it is.
pub async fn answer(exchange: &Exchange, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = exchange.negotiate(Offer::Objects { streams: false })?;
    body::read(exchange.request.headers(), payload).await?;
    let review = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": format!("{:.0}", clock::now())},
        "status": {"userInfo": user_info(&exchange.user)},
    });
    Ok(response::value(StatusCode::CREATED, &review, exchange.style(representation)))
}

fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = user.uid.as_str().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

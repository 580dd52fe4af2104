//! `/openapi/v2` and `/openapi/v3`: what the kinds' declarations and types say, made once.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};

use super::front::Exchange;
use super::negotiation::{Offer, Representation};
use super::response;
use crate::api::openapi::{Document, Documents, documents};
use crate::api::status::Status;

static DOCUMENTS: OnceLock<Documents> = OnceLock::new();

/// `parts` is what follows `/openapi`.
pub fn answer(exchange: &Exchange, parts: &[&str]) -> Result<HttpResponse, Status> {
    exchange.negotiate(Offer::Discovery)?;
    let documents = DOCUMENTS.get_or_init(|| documents(exchange.front.registry()));
    let found = match parts {
        ["v2"] => Some(&documents.all),
        ["v3"] => Some(&documents.index),
        ["v3", root @ ..] => documents.versions.get(&root.join("/")),
        _ => None,
    };
    Ok(found.map_or_else(response::nowhere, |document| sent(exchange, document)))
}

fn sent(exchange: &Exchange, document: &Document) -> HttpResponse {
    let tag = format!("\"{}\"", document.hash);
    if exchange.header(IF_NONE_MATCH) == tag {
        return HttpResponse::NotModified().insert_header((ETAG, tag)).finish();
    }
    let mut response = response::json_bytes(StatusCode::OK, document.json.clone(), exchange.style(Representation::default()));
    response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("a hash is a header's value"));
    response
}

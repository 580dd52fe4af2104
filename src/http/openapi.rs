//! `/openapi/v2` and `/openapi/v3`: what the kinds' declarations and types say, made once.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};

use bytes::Bytes;
use parking_lot::Mutex;

use super::front::Exchange;
use super::negotiation::{self, Offer, Representation};
use super::response;
use crate::api::kinds::Registry;
use crate::api::openapi::{Document, Documents, documents};
use crate::api::status::Status;

/// What was described last. Kept as long as the registry that it describes is the one that is served.
static DESCRIBED: Mutex<Option<(Arc<Registry>, Arc<Documents>)>> = Mutex::new(None);

/// Names of OpenAPI v2 in protobuf. It is sent under the first; the second, which is no media type, is what clients ask for.
const PROTOBUF: [&str; 2] =
    ["application/com.github.proto-openapi.spec.v2.v1.0+protobuf", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"];

/// `parts` is what follows `/openapi`.
pub fn answer(exchange: &Exchange, parts: &[&str]) -> Result<HttpResponse, Status> {
    let is_protobuf = parts == ["v2"] && negotiation::names(&exchange.header(ACCEPT), &PROTOBUF);
    if !is_protobuf {
        exchange.negotiate(Offer::Discovery)?;
    }
    let documents = described(exchange.front.registry());
    let found = match parts {
        ["v2"] => Some(&documents.all),
        ["v3"] => Some(&documents.index),
        ["v3", root @ ..] => documents.versions.get(&root.join("/")),
        _ => None,
    };
    Ok(found.map_or_else(response::nowhere, |document| sent(exchange, document, document.protobuf.as_ref().filter(|_| is_protobuf))))
}

fn described(registry: Arc<Registry>) -> Arc<Documents> {
    let mut described = DESCRIBED.lock();
    match &*described {
        Some((of, documents)) if Arc::ptr_eq(of, &registry) => documents.clone(),
        _ => {
            let documents = Arc::new(documents(&registry));
            *described = Some((registry, documents.clone()));
            documents
        }
    }
}

fn sent(exchange: &Exchange, document: &Document, protobuf: Option<&Bytes>) -> HttpResponse {
    let tag = format!("\"{}\"", document.hash);
    if exchange.header(IF_NONE_MATCH) == tag {
        return HttpResponse::NotModified().insert_header((ETAG, tag)).finish();
    }
    let style = exchange.style(Representation::default());
    let mut response = match protobuf {
        Some(protobuf) => response::finish(StatusCode::OK, PROTOBUF[0], protobuf.clone(), style),
        None => response::json_bytes(StatusCode::OK, document.json.clone(), style),
    };
    response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("a hash is a header's value"));
    response
}

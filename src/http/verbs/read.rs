//! GET of one object, or of a subresource that shows one.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::shape;
use crate::api::status::{Reason, Status};
use crate::api::verbs::{Target, parse_revision};
use crate::http::front::Exchange;

pub async fn get(exchange: &Exchange, target: &Target) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, &target.kind, false)?;
    let revision = parse_revision(exchange.query.text("resourceVersion")).map_err(|why| Status::new(500, Reason::Unknown, why))?;
    if let Some(revision) = revision {
        exchange.front.api.reached(revision).await?;
    }
    let object = exchange.front.api.get_subresource(target).await?;
    shape::object(exchange, representation, StatusCode::OK, &target.kind, &object)
}

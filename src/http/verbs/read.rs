//! GET of one object.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::shape;
use crate::api::status::Status;
use crate::api::verbs::Target;
use crate::http::front::Exchange;
use crate::http::negotiation::Offer;

pub async fn get(exchange: &Exchange, target: &Target) -> Result<HttpResponse, Status> {
    let representation = exchange.negotiate(Offer::Objects { streams: false })?;
    let object = exchange.front.api.get(&target.kind, &target.namespace, &target.name).await?;
    shape::object(exchange, representation, StatusCode::OK, &target.kind, &object)
}

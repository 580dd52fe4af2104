//! `/debug/why?namespace=…&pod=…`: what keeps a pod from running.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use k8s_openapi::api::core::v1::Pod;

use super::front::Exchange;
use super::negotiation::Representation;
use super::response;
use crate::actors::scheduler::Why;
use crate::api::status::Status;

/// As JSON or, for people, as text.
///
/// # Errors
/// `BadRequest`: no pod is named; `NotFound`.
pub async fn answer(exchange: &Exchange) -> Result<HttpResponse, Status> {
    let name = exchange.query.text("pod");
    if name.is_empty() {
        return Err(Status::bad_request("pod names no pod: /debug/why?namespace=default&pod=NAME"));
    }
    let namespace = exchange.query.get("namespace").unwrap_or("default");
    let front = &exchange.front;
    let object = front.api.get(front.registry().of::<Pod>(), namespace, name).await?;
    let pod = object.parse::<Pod>().map_err(|error| Status::internal(error.to_string()))?;
    let why = Why::new(&pod, &front.diagnoses);
    if exchange.header(ACCEPT).contains("text/plain") {
        return Ok(response::text(StatusCode::OK, why.to_string()));
    }

    Ok(response::value(StatusCode::OK, &why, exchange.style(Representation::default())))
}

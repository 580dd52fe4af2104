//! What a client sees of an object: the whole of it, a row of a table, or its metadata.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

use crate::api::kinds::{Kind, scale};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::table::{self, IncludeObject};
use crate::http::front::Exchange;
use crate::http::negotiation::{Representation, Shape};
use crate::http::response;
use crate::runtime::store::Stored;

/// How much of each object goes along with a table's row.
pub fn include(exchange: &Exchange) -> Result<IncludeObject, Status> {
    IncludeObject::parse(exchange.query.text("includeObject")).map_err(Status::bad_request)
}

/// An answer that is one object.
pub fn object(
    exchange: &Exchange,
    representation: Representation,
    code: StatusCode,
    kind: &Kind,
    object: &Object,
) -> Result<HttpResponse, Status> {
    let style = exchange.style(representation);
    let metadata = || json!({"resourceVersion": object.revision().to_string()});
    Ok(match representation.shape {
        Shape::Whole | Shape::Aggregated => response::json_bytes(code, object.json().clone(), style),
        Shape::Table(version) => {
            let include = include(exchange)?;
            let value = object.value();
            let is_scale = (&value["apiVersion"], &value["kind"]) == (&json!("autoscaling/v1"), &json!("Scale"));
            let kind = if is_scale { scale() } else { kind };
            response::value(code, &table::table(kind, version, metadata(), [&value], include, true), style)
        }
        Shape::Metadata(version) => response::value(code, &table::partial(version, &object.value()), style),
    })
}

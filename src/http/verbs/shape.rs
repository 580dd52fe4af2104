//! What a client sees of an object, and in which encoding: the whole of it, a row of a table, or its metadata.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::api::kinds::{Kind, scale};
use crate::api::object::Object;
use crate::api::schema::Facts;
use crate::api::status::Status;
use crate::api::table::{self, IncludeObject};
use crate::http::front::Exchange;
use crate::http::negotiation::{Format, Offer, Representation, Shape};
use crate::http::protobuf::{self, Unencodable};
use crate::http::response;
use crate::runtime::store::Stored;

/// How much of each object goes along with a table's row.
pub fn include(exchange: &Exchange) -> Result<IncludeObject, Status> {
    IncludeObject::parse(exchange.query.text("includeObject")).map_err(Status::bad_request)
}

/// What the client gets of a kind's objects, which it may get as a stream.
///
/// # Errors
/// `NotAcceptable`.
pub fn negotiate(exchange: &Exchange, kind: &Kind, streams: bool) -> Result<Representation, Status> {
    exchange.negotiate(Offer::Objects { streams, binary: kind.schema.known().is_some_and(protobuf::is_encodable) })
}

/// An object's message in protobuf. It may be of another kind than what it stands for: a scale.
pub fn message<'a>(kind: &Kind, object: &'a Object) -> Result<&'a [u8], Unencodable> {
    object.encoded(|json| {
        let (api_version, name) = object.type_meta();
        if let Some(schema) = kind.schema.known()
            && (api_version, name) == (&*kind.api_version(), kind.kind())
        {
            return protobuf::object(schema, json);
        }
        let known = Facts::get().kind(api_version, name).ok_or_else(|| Unencodable::Unknown(format!("{api_version}, Kind={name}")))?;
        protobuf::object(known.name, json)
    })
}

/// The whole of an object in protobuf.
pub fn binary(kind: &Kind, object: &Object) -> Result<Bytes, Unencodable> {
    let (api_version, name) = object.type_meta();
    Ok(protobuf::enveloped(api_version, name, message(kind, object)?))
}

/// An object's metadata in protobuf.
pub fn binary_metadata(version: &str, object: &Value) -> Result<Bytes, Unencodable> {
    let message = protobuf::metadata(&object["metadata"])?;
    Ok(protobuf::enveloped(&format!("meta.k8s.io/{version}"), "PartialObjectMetadata", &message))
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
    if representation.format == Format::Protobuf {
        let body = match representation.shape {
            Shape::Metadata(version) => binary_metadata(version, &object.value()),
            _ => binary(kind, object),
        };
        return Ok(response::finish(code, protobuf::CONTENT_TYPE, body.map_err(Status::internal)?, style));
    }
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

//! Bodies of requests: bounded, and read in the format that they say they are in.

use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;

use super::{options, protobuf};
use crate::api::client::{DeleteOptions, Propagation};
use crate::api::schema;
use crate::api::status::{Reason, Status};
use crate::api::validation::ErrorList;
use crate::api::verbs::Call;
use crate::api::yaml;

/// The largest body, in bytes; upstream's limit.
pub const LIMIT: usize = 3 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away, in bytes, and for how long at most: over HTTP/2 an answer that
/// overtakes the body is lost with it.
const WASTE: usize = 64 * 1024 * 1024;
const WASTE_FOR: Duration = Duration::from_secs(10);

/// The whole body.
///
/// # Errors
/// It is larger than [`LIMIT`], or did not arrive.
pub async fn read(headers: &HeaderMap, mut payload: Payload) -> Result<Bytes, Status> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(LIMIT));
    if announced.is_some_and(|length| length > LIMIT) {
        return Err(too_large(payload).await);
    }
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Status::bad_request(format!("the body could not be read: {error}")))?;
        if body.len() + chunk.len() > LIMIT {
            return Err(too_large(payload).await);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn too_large(mut rest: Payload) -> Status {
    let discard = async {
        let mut left = WASTE;
        while let Some(Ok(chunk)) = rest.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(WASTE_FOR, discard).await;
    let message = format!("Request entity too large: limit is {LIMIT}");
    Status::new(413, Reason::RequestEntityTooLarge, message)
}

/// The media type that a body says it has, without parameters; empty if it says none.
pub fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// How a body that holds an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// # Errors
/// `UnsupportedMediaType`.
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, Status> {
    match media_type(headers) {
        "" | "application/json" => Ok(Encoding::Json),
        "application/yaml" => Ok(Encoding::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Encoding::Protobuf),
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Status {
    Status::new(
        415,
        Reason::UnsupportedMediaType,
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    )
}

/// The object in a body.
///
/// # Errors
/// `BadRequest`; `UnsupportedMediaType` for a kind that is not read from protobuf.
pub fn object(call: &Call, target: schema::Target<'_>, bytes: &[u8], encoding: Encoding) -> Result<Value, Status> {
    match encoding {
        Encoding::Protobuf if matches!(target.schema, schema::TypeRef::Custom(_)) => Err(Status::new(
            415,
            Reason::UnsupportedMediaType,
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
        )),
        Encoding::Json => call.decode(target, schema::Body::Json(bytes)),
        Encoding::Yaml => call.decode(target, schema::Body::Yaml(bytes)),
        Encoding::Protobuf => call.decode_value(target, &protobuf::decode(bytes)?.ok_or_else(unsupported)?),
    }
}

/// A patch that is written in JSON.
pub fn patch_json(bytes: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(bytes).map_err(|error| json_error("error decoding patch", bytes, &error))
}

/// An applied configuration, which may be YAML.
pub fn patch_yaml(bytes: &[u8]) -> Result<Value, Status> {
    yaml_value(bytes)
}

fn yaml_value(bytes: &[u8]) -> Result<Value, Status> {
    let text = std::str::from_utf8(bytes).map_err(|error| yaml_error(&error))?;
    yaml::document(text).map_err(|error| yaml_error(&error))
}

fn yaml_error(error: &dyn std::fmt::Display) -> Status {
    Status::bad_request(format!("error decoding YAML: error converting YAML to JSON: {error}"))
}

fn json_error(what: &str, bytes: &[u8], error: &serde_json::Error) -> Status {
    let why = if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
    let empty = if bytes.is_empty() { " (<empty>)" } else { "" };
    Status::bad_request(format!("{what}: {why}{empty}"))
}

/// `v1.DeleteOptions`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeleteBody {
    dry_run: Vec<String>,
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    preconditions: Option<Preconditions>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

/// How a deletion is to be done.
pub fn delete_options(bytes: &[u8], encoding: Encoding) -> Result<DeleteOptions, Status> {
    let value = match encoding {
        Encoding::Protobuf => protobuf::decode(bytes)?.ok_or_else(unsupported)?,
        Encoding::Json => serde_json::from_slice(bytes).map_err(|error| json_error("error decoding DeleteOptions", bytes, &error))?,
        Encoding::Yaml => yaml_value(bytes)?,
    };
    let body: DeleteBody = serde_json::from_value(value).map_err(|error| Status::bad_request(error.to_string()))?;
    let mut errors = ErrorList::default();
    let dry_run = options::dry_run(body.dry_run.iter().map(String::as_str).collect(), &mut errors);
    if !errors.is_empty() {
        return Err(Status::invalid_options("DeleteOptions", &errors));
    }
    let preconditions = body.preconditions.unwrap_or_default();
    Ok(DeleteOptions {
        dry_run,
        grace_period_seconds: body.grace_period_seconds,
        propagation: body.propagation_policy.as_deref().map(Propagation::parse).transpose()?,
        orphan_dependents: body.orphan_dependents,
        uid: preconditions.uid,
        resource_version: preconditions.resource_version,
    })
}

//! Answers: the one place where a failure becomes a response, and where bodies get their format, compression and headers.

use std::io::Write;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT, VARY, WARNING};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::negotiation::Format;
use super::protobuf;
use super::request::Query;
use crate::api::status::{Reason, Status};

/// Smaller bodies are sent as they are: compressing them costs more than sending (upstream's limit).
const COMPRESSED_FROM: usize = 128 * 1024;

pub const TEXT: &str = "text/plain; charset=utf-8";

/// How a client wants its bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    pub format: Format,
    pub pretty: bool,
    pub gzip: bool,
}

impl Style {
    pub fn new(format: Format, headers: &HeaderMap, query: &Query) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let agent = header(USER_AGENT);
        let by_hand = ["curl", "Wget", "Mozilla/5.0"].iter().any(|name| agent.starts_with(name));
        let pretty = if query.get("pretty").is_some() { query.is_true("pretty") } else { by_hand };
        let gzip = header(ACCEPT_ENCODING).split(',').any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "gzip"));
        Self { format, pretty, gzip }
    }
}

/// A body that is already JSON.
pub fn json_bytes(code: StatusCode, body: Bytes, style: Style) -> HttpResponse {
    if style.format == Format::Json && !style.pretty {
        return finish(code, "application/json", body, style);
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) => self::value(code, &value, style),
        Err(error) => failure(&Status::internal(error)),
    }
}

/// Any other body, in the format that was asked for.
pub fn value(code: StatusCode, value: &impl Serialize, style: Style) -> HttpResponse {
    let mut content_type = style.format.content_type();
    let written = match style.format {
        Format::Protobuf => match serde_json::to_value(value).map(|value| (protobuf::body(&value), value)) {
            Ok((Ok(body), _)) => return finish(code, content_type, body, style),
            // What has no other form is JSON, whatever the client prefers.
            Ok((Err(_), value)) => {
                content_type = Format::Json.content_type();
                serde_json::to_vec(&value).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        },
        Format::Yaml => serde_saphyr::to_string(value).map(String::into_bytes).map_err(|error| error.to_string()),
        Format::Json if style.pretty => serde_json::to_vec_pretty(value).map_err(|error| error.to_string()),
        Format::Json => serde_json::to_vec(value).map_err(|error| error.to_string()),
    };
    match written {
        Ok(body) => finish(code, content_type, body.into(), style),
        Err(error) => failure(&Status::internal(error)),
    }
}

/// A body that is already encoded.
pub fn finish(code: StatusCode, content_type: &str, body: Bytes, style: Style) -> HttpResponse {
    let mut response = HttpResponse::build(code);
    response.insert_header((CONTENT_TYPE, content_type));
    if style.gzip
        && body.len() > COMPRESSED_FROM
        && let Ok(compressed) = gzip(&body)
    {
        response.insert_header((CONTENT_ENCODING, "gzip")).insert_header((VARY, "Accept-Encoding"));
        return response.body(compressed);
    }
    response.body(body)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// A failure, as every client understands it.
pub fn failure(status: &Status) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0) {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    response.insert_header((CONTENT_TYPE, "application/json")).body(failure_value(status).to_string())
}

/// `v1.Status` of a failure.
pub fn failure_value(status: &Status) -> Value {
    let mut value = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": status.message,
        "code": status.code,
    });
    if status.reason != Reason::Unknown {
        value["reason"] = json!(status.reason);
    }
    if let Some(details) = &status.details {
        value["details"] = json!(details);
    }
    if !status.continue_token.is_empty() {
        value["metadata"]["continue"] = json!(status.continue_token);
    }
    value
}

/// A line of text.
pub fn text(code: StatusCode, body: impl Into<String>) -> HttpResponse {
    HttpResponse::build(code).insert_header((CONTENT_TYPE, TEXT)).insert_header(("X-Content-Type-Options", "nosniff")).body(body.into())
}

/// The answer to a path that leads nowhere.
pub fn nowhere() -> HttpResponse {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Adds warnings to an answer (RFC 9111's `Warning`, code 299, as clients of Kubernetes print them).
pub fn warn(response: &mut HttpResponse, warnings: &[String]) {
    for warning in warnings {
        let escaped: String = warning
            .chars()
            .filter(|letter| !letter.is_control())
            .flat_map(|letter| matches!(letter, '"' | '\\').then_some('\\').into_iter().chain([letter]))
            .collect();
        if let Ok(value) = format!("299 - \"{escaped}\"").parse() {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// Adds a warning before those that are there.
pub fn warn_first(response: &mut HttpResponse, warning: &str) {
    let others: Vec<_> = response.headers_mut().remove(WARNING).collect();
    warn(response, &[warning.to_owned()]);
    others.into_iter().for_each(|other| response.headers_mut().append(WARNING, other));
}

/// A response whose builder has no body yet.
pub fn stream(content_type: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, content_type));
    response
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_failure_says_only_what_there_is_to_say() {
        let unknown = Status::new(500, Reason::Unknown, "m");
        assert_eq!(
            failure_value(&unknown),
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "m", "code": 500})
        );
        assert_eq!(failure_value(&Status::no_such_resource())["details"], json!({}));
    }

    #[test]
    fn large_bodies_are_compressed_for_those_who_can_read_it() {
        let style = Style { gzip: true, ..Style::default() };
        let large = Bytes::from(format!("\"{}\"", "x".repeat(COMPRESSED_FROM)));
        let coding = |body: &Bytes, style| json_bytes(StatusCode::OK, body.clone(), style).headers().get(CONTENT_ENCODING).cloned();
        assert_eq!(coding(&large, style), Some(HeaderValue::from_static("gzip")));
        assert_eq!(coding(&large, Style::default()), None);
        assert_eq!(coding(&Bytes::from_static(b"{}"), style), None);
    }

    #[test]
    fn a_warning_is_quoted() {
        let mut response = HttpResponse::Ok().finish();
        warn(&mut response, &["unknown field \"foo\"".to_owned()]);
        assert_eq!(response.headers().get(WARNING).unwrap(), "299 - \"unknown field \\\"foo\\\"\"");
    }
}

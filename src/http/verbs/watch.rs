//! Watches: events as lines of JSON or messages of protobuf, for as long as both sides like.

use std::time::Duration;

use actix_web::HttpResponse;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, Stream, StreamExt, stream};
use rand::RngExt;
use serde_json::{Value, json};

use super::shape;
use crate::api::client::{WatchEvent, WatchStream};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::schema;
use crate::api::status::Status;
use crate::api::table::{self, IncludeObject};
use crate::http::front::Exchange;
use crate::http::negotiation::{Format, Representation, Shape};
use crate::http::protobuf::{self, Unencodable};
use crate::http::{options, response};
use crate::runtime::clock;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::store::{Revision, Stored};

/// Pending events are joined into chunks of about this size: one chunk an event would cost three times as much over HTTP/2.
const CHUNK: usize = 64 * 1024;

/// Chunks of one watch follow each other by this at least, so that a busy collection's events share what a chunk costs: a TLS record, a
/// system call and a wake-up for each watcher. What comes after a silence goes at once.
const PACE: Duration = Duration::from_millis(4);

/// How long a watch lasts whose client does not say: between this and twice this, so that watches that began together do not end together.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// `name` is the one object that the path names, if it does.
pub async fn watch(exchange: Exchange, kind: &KindRef, namespace: &str, name: &str) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(&exchange, kind, true)?;
    let mut options = options::list(&exchange.query)?;
    if !name.is_empty() && !options.field_selector.contains("metadata.name=") {
        let and = if options.field_selector.is_empty() { "" } else { "," };
        options.field_selector = format!("metadata.name={name}{and}{}", options.field_selector);
    }
    if options.timeout_seconds.is_none() {
        let lifetime = LIFETIME.as_secs();
        options.timeout_seconds = Some(exchange.front.entropy.lock().rng().random_range(lifetime..2 * lifetime));
    }
    let encoder = Encoder { kind: kind.clone(), representation, include: shape::include(&exchange)?, columns_sent: false };
    let events = exchange.front.api.watch(kind, namespace, &options).await?;
    let content_type = if representation.format == Format::Protobuf { protobuf::STREAM } else { Format::Json.content_type() };
    Ok(response::stream(content_type).streaming(chunks(events, encoder, exchange.front.shutdown.clone())))
}

/// The events as chunks of a body. It is read only as fast as the client reads, and holds one chunk at most.
fn chunks(events: WatchStream, encoder: Encoder, shutdown: Shutdown) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let begun = clock::instant();
    stream::unfold((events, encoder, shutdown, begun), |(mut events, mut encoder, shutdown, not_before)| async move {
        let mut chunk = BytesMut::new();
        let first = tokio::select! {
            biased;
            () = shutdown.begun() => None,
            event = events.next() => event,
        };
        encoder.append(&mut chunk, first?);
        if not_before > clock::instant() {
            tokio::time::sleep_until(not_before).await;
        }
        while chunk.len() < CHUNK
            && let Some(Some(event)) = events.next().now_or_never()
        {
            encoder.append(&mut chunk, event);
        }
        let not_before = clock::instant() + PACE;
        Some((Ok(chunk.freeze()), (events, encoder, shutdown, not_before)))
    })
}

/// Writes events as a client wants to see them.
struct Encoder {
    kind: KindRef,
    representation: Representation,
    include: IncludeObject,
    columns_sent: bool,
}

impl Encoder {
    fn append(&mut self, chunk: &mut BytesMut, event: Result<WatchEvent, Status>) {
        if self.representation.format == Format::Protobuf {
            let (name, object) = self.binary(event).unwrap_or_else(|error| ("ERROR", failure(&Status::internal(error))));
            return protobuf::event(chunk, name, &object);
        }
        let (name, object) = match named(event) {
            Ok(named) => named,
            Err(Unnamed::Bookmark(revision, initial_events_end)) => {
                let bookmark = self.bookmark(revision, initial_events_end);
                return line(chunk, "BOOKMARK", self.shown(&bookmark, revision).to_string().as_bytes());
            }
            Err(Unnamed::Failure(status)) => return line(chunk, "ERROR", response::failure_value(&status).to_string().as_bytes()),
        };
        match self.representation.shape {
            Shape::Whole | Shape::Aggregated => line(chunk, name, object.json()),
            Shape::Table(_) | Shape::Metadata(_) => {
                let shown = self.shown(&object.value(), object.revision());
                line(chunk, name, shown.to_string().as_bytes());
            }
        }
    }

    /// The event's name and object in protobuf.
    fn binary(&self, event: Result<WatchEvent, Status>) -> Result<(&'static str, Bytes), Unencodable> {
        let metadata = match self.representation.shape {
            Shape::Metadata(version) => Some(version),
            _ => None,
        };
        Ok(match (named(event), metadata) {
            (Ok((name, object)), None) => (name, shape::binary(&self.kind, &object)?),
            (Ok((name, object)), Some(version)) => (name, shape::binary_metadata(version, &object.value())?),
            (Err(Unnamed::Bookmark(revision, end)), None) => ("BOOKMARK", protobuf::body(&self.bookmark(revision, end))?),
            (Err(Unnamed::Bookmark(revision, end)), Some(version)) => {
                ("BOOKMARK", shape::binary_metadata(version, &self.bookmark(revision, end))?)
            }
            (Err(Unnamed::Failure(status)), _) => ("ERROR", failure(&status)),
        })
    }

    fn shown(&mut self, object: &Value, revision: Revision) -> Value {
        match self.representation.shape {
            Shape::Whole | Shape::Aggregated => object.clone(),
            Shape::Metadata(version) => table::partial(version, object),
            Shape::Table(version) => {
                let metadata = json!({"resourceVersion": revision.to_string()});
                let with_columns = !std::mem::replace(&mut self.columns_sent, true);
                table::table(&self.kind, version, metadata, [object], self.include, with_columns)
            }
        }
    }

    /// An object that says nothing but how far the watch has come.
    fn bookmark(&self, revision: Revision, initial_events_end: bool) -> Value {
        let mut object = json!({
            "kind": self.kind.kind(),
            "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
        });
        if initial_events_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        schema::finish(&self.kind.schema, &mut object);
        object
    }
}

/// An event that is about no object.
enum Unnamed {
    /// How far the watch has come, and whether what was there before has been sent.
    Bookmark(Revision, bool),
    Failure(Status),
}

/// An event's name on the wire, and its object.
fn named(event: Result<WatchEvent, Status>) -> Result<(&'static str, Object), Unnamed> {
    match event {
        Ok(WatchEvent::Added(object)) => Ok(("ADDED", object)),
        Ok(WatchEvent::Modified(object)) => Ok(("MODIFIED", object)),
        Ok(WatchEvent::Deleted(object)) => Ok(("DELETED", object)),
        Ok(WatchEvent::Bookmark { revision, initial_events_end }) => Err(Unnamed::Bookmark(revision, initial_events_end)),
        Err(status) => Err(Unnamed::Failure(status)),
    }
}

/// A failure in protobuf.
fn failure(status: &Status) -> Bytes {
    protobuf::body(&response::failure_value(status)).expect("a status has its form in protobuf")
}

fn line(chunk: &mut BytesMut, name: &str, object: &[u8]) {
    chunk.reserve(object.len() + 40);
    for part in [b"{\"type\":\"", name.as_bytes(), b"\",\"object\":", object, b"}\n"] {
        chunk.extend_from_slice(part);
    }
}

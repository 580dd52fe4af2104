//! GET of a collection. The items' bytes are the stored ones: a list is put together, not encoded.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::shape;
use crate::api::client::List;
use crate::api::kinds::{Kind, KindRef};
use crate::api::status::Status;
use crate::api::table;
use crate::http::front::Exchange;
use crate::http::negotiation::{Format, Representation, Shape};
use crate::http::{options, protobuf, response};
use crate::runtime::store::Revision;

/// Objects that are parsed before others get their turn on this thread.
const TURN: usize = 64;

pub async fn list(exchange: &Exchange, kind: &KindRef, namespace: &str) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, kind, true)?;
    let list = exchange.front.api.list(kind, namespace, &options::list(&exchange.query)?).await?;
    respond(exchange, representation, kind, &list).await
}

/// An answer that is a list.
pub async fn respond(exchange: &Exchange, representation: Representation, kind: &Kind, list: &List) -> Result<HttpResponse, Status> {
    if representation.format == Format::Protobuf {
        let body = binary(representation.shape, kind, list).await.map_err(Status::internal)?;
        return Ok(response::finish(StatusCode::OK, protobuf::CONTENT_TYPE, body, exchange.style(representation)));
    }
    let body = match representation.shape {
        Shape::Whole | Shape::Aggregated => whole(kind, list),
        Shape::Table(version) => {
            let include = shape::include(exchange)?;
            let frame = table::table(kind, version, list_metadata(list), [], include, true);
            converted(list, frame, "rows", |object| table::table(kind, version, Value::Null, [object], include, false)["rows"][0].take())
                .await
        }
        Shape::Metadata(version) => {
            let frame = table::partial_list(version, list_metadata(list), []);
            converted(list, frame, "items", |object| table::partial(version, object)).await
        }
    };
    Ok(response::json_bytes(StatusCode::OK, body, exchange.style(representation)))
}

fn whole(kind: &Kind, list: &List) -> Bytes {
    let size: usize = list.items.iter().map(|item| item.json().len() + 1).sum();
    let mut body = Vec::with_capacity(size + 256);
    let head = format!(
        "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[",
        kind.list_kind,
        kind.api_version(),
        metadata(kind, list)
    );
    body.extend_from_slice(head.as_bytes());
    for (index, item) in list.items.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"" } else { b"," });
        // What a definition declares is sent as it is: Go's lists of such objects know no type for all.
        if kind.custom.is_some() {
            body.extend_from_slice(item.json());
        } else {
            body.push(b'{');
            body.extend_from_slice(item.untyped_json());
        }
    }
    body.extend_from_slice(b"]}");
    body.into()
}

/// The list in protobuf. What of it has been asked for before is there already.
async fn binary(shape: Shape, kind: &Kind, list: &List) -> Result<Bytes, protobuf::Unencodable> {
    let mut items = Vec::with_capacity(list.items.len());
    for (index, object) in list.items.iter().enumerate() {
        items.push(match shape {
            Shape::Metadata(_) => Cow::Owned(protobuf::metadata(&object.value()["metadata"])?.into()),
            _ => Cow::Borrowed(shape::message(kind, object)?),
        });
        if index % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    let items: Vec<&[u8]> = items.iter().map(|item| &**item).collect();
    match shape {
        Shape::Metadata(version) => {
            protobuf::list(&format!("meta.k8s.io/{version}"), "PartialObjectMetadataList", &metadata(kind, list), &items)
        }
        _ => protobuf::list(&kind.api_version(), &format!("{}List", kind.kind()), &metadata(kind, list), &items),
    }
}

/// A list whose items are made from the objects one by one, so that no more than one of them is ever parsed. `frame` is the list without
/// items, `field` where they belong.
async fn converted(list: &List, mut frame: Value, field: &str, convert: impl Fn(&Value) -> Value) -> Bytes {
    if let Some(frame) = frame.as_object_mut() {
        frame.remove(field);
    }
    let mut body = frame.to_string().into_bytes();
    body.pop();
    body.extend_from_slice(format!(",\"{field}\":[").as_bytes());
    for (index, object) in list.items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(convert(&object.value()).to_string().as_bytes());
        if index % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    body.extend_from_slice(b"]}");
    body.into()
}

/// The metadata of a whole list. That of custom objects says also that it does not go on.
fn metadata(kind: &Kind, list: &List) -> Value {
    let mut metadata = list_metadata(list);
    if kind.custom.is_some() && list.continue_token.is_empty() {
        metadata["continue"] = "".into();
    }
    metadata
}

/// `v1.ListMeta`.
fn list_metadata(list: &List) -> Value {
    let mut metadata = Map::new();
    if list.revision > Revision(0) {
        metadata.insert("resourceVersion".into(), list.revision.to_string().into());
    }
    if !list.continue_token.is_empty() {
        metadata.insert("continue".into(), list.continue_token.as_str().into());
    }
    if let Some(remaining) = list.remaining {
        metadata.insert("remainingItemCount".into(), remaining.into());
    }
    metadata.into()
}

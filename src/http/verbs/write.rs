//! POST, PUT and PATCH.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::{read_body, shape};
use crate::api::client::{FieldValidation, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry, Subresource};
use crate::api::object::Object;
use crate::api::patch;
use crate::api::schema;
use crate::api::status::{Reason, Status};
use crate::api::verbs::{Call, Change, Mutation, Target};
use crate::http::front::Exchange;
use crate::http::negotiation::Representation;
use crate::http::{body, options, response};

pub async fn create(exchange: &Exchange, kind: &KindRef, namespace: &str, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, kind, false)?;
    let (bytes, encoding) = read_body(exchange, payload).await?;
    let call = call(exchange, "CreateOptions")?;
    let object = body::object(&call, (&**kind).into(), &bytes, encoding)?;
    let change = || Change::Create { body: object.clone(), options: call.options.clone() };
    let asked = exchange.ask(|| Mutation::of_collection(kind, namespace, change()));
    let created = exchange.told(asked, exchange.front.api.create(&call, kind, namespace, object).await)?;
    answer(exchange, representation, StatusCode::CREATED, kind, &created, &call)
}

pub async fn update(exchange: &Exchange, target: &Target, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, &target.kind, false)?;
    let (bytes, encoding) = read_body(exchange, payload).await?;
    let call = call(exchange, "UpdateOptions")?;
    let object = body::object(&call, target.body(), &bytes, encoding)?;
    let asked = exchange.ask(|| Mutation::of(target, Change::Update { body: object.clone(), options: call.options.clone() }));
    let updated = exchange.told(asked, exchange.front.api.update(&call, target, object).await)?;
    let code = if updated.created { StatusCode::CREATED } else { StatusCode::OK };
    answer(exchange, representation, code, &target.kind, &updated.object, &call)
}

pub async fn patch(exchange: &Exchange, target: &Target, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, &target.kind, false)?;
    let headers = exchange.request.headers();
    let decode: fn(&[u8]) -> Result<Patch, Status> = match body::media_type(headers) {
        "application/json-patch+json" => |bytes| Ok(Patch::Json(body::patch_json(bytes)?)),
        "application/merge-patch+json" => |bytes| Ok(Patch::Merge(body::patch_json(bytes)?)),
        "application/strategic-merge-patch+json" if target.kind.custom.is_some() => return Err(patch::unsupported()),
        "application/strategic-merge-patch+json" => |bytes| Ok(Patch::Strategic(body::patch_json(bytes)?)),
        "application/apply-patch+yaml" => |bytes| Ok(Patch::Apply(body::patch_yaml(bytes)?)),
        _ => return Err(Status::new(415, Reason::UnsupportedMediaType, "415: Unsupported Media Type").about("", "", "")),
    };
    let bytes = body::read(headers, payload).await?;
    let is_apply = body::media_type(headers) == "application/apply-patch+yaml";
    let options = options::patch(&exchange.query, is_apply, &exchange.user_agent())?;
    let call = Call::new(exchange.user.clone(), options);
    let patch = decode(&bytes)?;
    let heeded = call.options.field_validation != FieldValidation::Ignore;
    let strict = if heeded && !is_apply { schema::duplicates(&bytes) } else { Vec::new() };
    let asked = exchange.ask(|| Mutation::of(target, Change::Patch { patch: patch.clone(), options: call.options.clone() }));
    let patched = exchange.told(asked, exchange.front.api.patch(&call, target, &patch, &strict).await)?;
    let code = if patched.created { StatusCode::CREATED } else { StatusCode::OK };
    answer(exchange, representation, code, &target.kind, &patched.object, &call)
}

/// POST to an object's subresource: an order, answered as its own rules say.
pub async fn create_subresource(exchange: &Exchange, target: &Target, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, &target.kind, false)?;
    let (bytes, encoding) = read_body(exchange, payload).await?;
    let call = call(exchange, "CreateOptions")?;
    let order = body::object(&call, target.body(), &bytes, encoding)?;
    order_answer(exchange, representation, target, order, &call).await
}

/// POST to the old collection of bindings: the body names the pod.
pub async fn bind(exchange: &Exchange, namespace: &str, payload: web::Payload) -> Result<HttpResponse, Status> {
    let kind = Registry::built_in().resource("", "v1", "pods").ok_or_else(Status::no_such_resource)?;
    let representation = shape::negotiate(exchange, kind, false)?;
    let (bytes, encoding) = read_body(exchange, payload).await?;
    let call = call(exchange, "CreateOptions")?;
    let mut target = Target::new(kind, namespace, "").subresource(Subresource::Binding);
    let binding = body::object(&call, target.body(), &bytes, encoding)?;
    target.name = binding.pointer("/metadata/name").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    order_answer(exchange, representation, &target, binding, &call).await
}

async fn order_answer(
    exchange: &Exchange,
    representation: Representation,
    target: &Target,
    order: serde_json::Value,
    call: &Call,
) -> Result<HttpResponse, Status> {
    let asked = exchange.ask(|| Mutation::of(target, Change::Order { body: order.clone(), options: call.options.clone() }));
    let answer = exchange.told(asked, exchange.front.api.create_subresource(call, target, order).await)?;
    let mut response = response::value(StatusCode::CREATED, &answer, exchange.style(representation));
    response::warn(&mut response, &call.take_warnings());
    Ok(response)
}

fn call(exchange: &Exchange, options: &str) -> Result<Call, Status> {
    let options: WriteOptions = options::write(&exchange.query, options, &exchange.user_agent())?;
    Ok(Call::new(exchange.user.clone(), options))
}

fn answer(
    exchange: &Exchange,
    representation: Representation,
    code: StatusCode,
    kind: &KindRef,
    object: &Object,
    call: &Call,
) -> Result<HttpResponse, Status> {
    let mut response = shape::object(exchange, representation, code, kind, object)?;
    response::warn(&mut response, &call.take_warnings());
    Ok(response)
}

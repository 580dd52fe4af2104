//! DELETE of an object or of a collection.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{collection, read_body, shape};
use crate::api::client::DeleteOptions;
use crate::api::kinds::KindRef;
use crate::api::status::Status;
use crate::api::verbs::{Change, Deleted, Mutation, Target};
use crate::http::front::Exchange;
use crate::http::negotiation::Representation;
use crate::http::{body, options, response};

pub async fn object(exchange: &Exchange, target: &Target, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, &target.kind, false)?;
    let options = delete_options(exchange, payload).await?;
    let asked = exchange.ask(|| Mutation::of(target, Change::Delete { options: options.clone() }));
    let deleted = exchange.told(asked, exchange.front.api.delete(&exchange.user, target, &options).await)?;
    let mut response = answer(exchange, representation, target, &options, &deleted)?;
    warn_of_orphans(&target.kind, &options, &mut response);
    Ok(response)
}

fn answer(
    exchange: &Exchange,
    representation: Representation,
    target: &Target,
    options: &DeleteOptions,
    deleted: &Deleted,
) -> Result<HttpResponse, Status> {
    let kind = &target.kind;
    if deleted.gone && !kind.traits.answers_deleted {
        let mut details = json!({"name": target.name, "kind": kind.plural(), "uid": deleted.object.uid()});
        if !kind.group().is_empty() {
            details["group"] = kind.group().into();
        }
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
        return Ok(response::value(StatusCode::OK, &status, exchange.style(representation)));
    }
    // Accepted but not done: said only to those who asked for the dependents to go first.
    let waits = !deleted.gone && options.orphan_dependents == Some(false);
    let code = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    shape::object(exchange, representation, code, kind, &deleted.object)
}

pub async fn collection(exchange: &Exchange, kind: &KindRef, namespace: &str, payload: web::Payload) -> Result<HttpResponse, Status> {
    let representation = shape::negotiate(exchange, kind, false)?;
    let options = delete_options(exchange, payload).await?;
    let list = options::list(&exchange.query)?;
    let change = || Change::DeleteCollection { selection: list.clone(), options: options.clone() };
    let asked = exchange.ask(|| Mutation::of_collection(kind, namespace, change()));
    let deleted = exchange.told(asked, exchange.front.api.delete_collection(&exchange.user, kind, namespace, &list, &options).await)?;
    let mut response = collection::respond(exchange, representation, kind, &deleted).await?;
    warn_of_orphans(kind, &options, &mut response);
    Ok(response)
}

/// Upstream says so of jobs, whose pods outlive them for the sake of old clients.
fn warn_of_orphans(kind: &KindRef, options: &DeleteOptions, response: &mut HttpResponse) {
    if kind.traits.warns_of_orphans && options.orphan_dependents.is_none() && options.propagation.is_none() {
        let plural = kind.plural();
        let warning = format!(
            "child pods are preserved by default when {plural} are deleted; set propagationPolicy=Background to remove them or set \
             propagationPolicy=Orphan to suppress this warning"
        );
        response::warn(response, &[warning]);
    }
}

/// From the body if there is one, else from the query.
async fn delete_options(exchange: &Exchange, payload: web::Payload) -> Result<DeleteOptions, Status> {
    let (bytes, encoding) = read_body(exchange, payload).await?;
    if bytes.is_empty() { options::delete(&exchange.query) } else { body::delete_options(&bytes, encoding) }
}

//! What is served: groups, versions, resources and their verbs, as the kinds' declarations say.

mod aggregated;
mod resources;
mod stability;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::front::Exchange;
use super::negotiation::{Offer, Representation, Shape};
use super::{response, reviews};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;
use resources::resources;
use stability::Stability;

/// Groups in the order of upstream's priorities; clients that look for a short name take the first group that has it.
const ORDER: [&str; 20] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// A group and its versions, the preferred one first.
struct Group {
    name: String,
    versions: Vec<Version>,
}

struct Version {
    name: String,
    kinds: Vec<KindRef>,
}

/// All groups but the core one, or only that.
fn groups(registry: &Registry, core: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for kind in registry.all().filter(|kind| kind.group().is_empty() == core) {
        let index = groups.iter().position(|group| group.name == kind.group()).unwrap_or_else(|| {
            groups.push(Group { name: kind.group().to_owned(), versions: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[index];
        match group.versions.iter_mut().find(|version| version.name == kind.version()) {
            Some(version) => version.kinds.push(kind.clone()),
            None => group.versions.push(Version { name: kind.version().to_owned(), kinds: vec![kind.clone()] }),
        }
    }
    if !core {
        // They have no kinds: what is asked of them is answered, and not kept.
        let of_reviews = |name: &'static str| Group {
            name: name.to_owned(),
            versions: vec![Version { name: reviews::VERSION.to_owned(), kinds: Vec::new() }],
        };
        groups.extend(reviews::groups().map(of_reviews));
    }
    for group in &mut groups {
        group.versions.sort_by_cached_key(|version| (Stability::of(&version.name), version.name.clone()));
    }
    groups.sort_by_cached_key(|group| (ORDER.iter().position(|name| *name == group.name).unwrap_or(ORDER.len()), group.name.clone()));
    groups
}

/// `/api…` and `/apis…`, as far as they name no resource.
pub fn answer(exchange: &Exchange, parts: &[&str]) -> Result<HttpResponse, Status> {
    let representation = exchange.negotiate(Offer::Discovery)?;
    let registry = exchange.front.registry();
    let core = parts[0] == "api";
    let groups = groups(&registry, core);
    if representation.shape == Shape::Aggregated && parts.len() == 1 {
        return Ok(aggregated_answer(exchange, &aggregated::list(&groups)));
    }
    let find = |name: &str| groups.iter().find(|group| group.name == name);
    let version_of =
        |group: &Group, name: &str| group.versions.iter().find(|version| version.name == name).map(|version| resources(group, version));
    let found = match parts {
        ["api"] => Some(json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": exchange.request.connection_info().host()}],
        })),
        ["api", version] => find("").and_then(|group| version_of(group, version)),
        ["apis"] => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.iter().map(group_value).collect::<Vec<_>>()})),
        ["apis", name] => match find(name) {
            Some(group) => {
                let mut value = group_value(group);
                value["kind"] = "APIGroup".into();
                value["apiVersion"] = "v1".into();
                Some(value)
            }
            None => return Ok(response::nowhere()),
        },
        ["apis", name, version] => match find(name) {
            Some(group) => version_of(group, version),
            None => return Ok(response::nowhere()),
        },
        _ => None,
    };
    let found = found.ok_or_else(Status::no_such_resource)?;
    Ok(response::value(StatusCode::OK, &found, exchange.style(Representation { shape: Shape::Whole, ..representation })))
}

fn group_value(group: &Group) -> Value {
    let version = |version: &Version| json!({"groupVersion": format!("{}/{}", group.name, version.name), "version": version.name});
    json!({
        "name": group.name,
        "versions": group.versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": group.versions.first().map(version),
    })
}

fn aggregated_answer(exchange: &Exchange, list: &Value) -> HttpResponse {
    let body = list.to_string();
    let tag: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02X}")).collect();
    let tag = format!("\"{tag}\"");
    if exchange.header(IF_NONE_MATCH) == tag {
        return HttpResponse::NotModified().insert_header((ETAG, tag)).finish();
    }
    let mut response = response::json_bytes(StatusCode::OK, body.into(), exchange.style(Representation::default()));
    let headers = response.headers_mut();
    headers.insert(actix_web::http::header::CONTENT_TYPE, aggregated::CONTENT_TYPE);
    headers.insert(actix_web::http::header::VARY, actix_web::http::header::HeaderValue::from_static("Accept"));
    if let Ok(tag) = tag.parse() {
        headers.insert(ETAG, tag);
    }
    response
}

//! Everything that is served in one document (KEP-3352).

use actix_web::http::header::HeaderValue;
use serde_json::{Value, json};

use super::resources::described;
use super::{Group, Version};
use crate::api::kinds::{Kind, Scope};
use crate::http::reviews;

pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");

pub(super) fn list(groups: &[Group]) -> Value {
    let items: Vec<Value> = groups.iter().map(group).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(group: &Group) -> Value {
    let mut metadata = json!({});
    if !group.name.is_empty() {
        metadata["name"] = group.name.as_str().into();
    }
    json!({"metadata": metadata, "versions": group.versions.iter().map(|it| version(group, it)).collect::<Vec<_>>()})
}

fn version(group: &Group, version: &Version) -> Value {
    let mut resources: Vec<Value> = version.kinds.iter().map(|kind| resource(kind)).collect();
    if group.name.is_empty() {
        resources.push(json!({
            "resource": "bindings",
            "singularResource": "binding",
            "responseKind": kind_of("Binding", None),
            "scope": "Namespaced",
            "verbs": ["create"],
        }));
    }
    let review = |review: &reviews::Review| {
        json!({
            "resource": review.plural,
            "singularResource": review.singular(),
            "responseKind": kind_of(review.kind, None),
            "scope": if review.is_namespaced { "Namespaced" } else { "Cluster" },
            "verbs": ["create"],
        })
    };
    resources.extend(reviews::of_group(&group.name).map(review));
    resources.sort_by(|a, b| a["resource"].as_str().cmp(&b["resource"].as_str()));
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "resource": kind.plural(),
        "responseKind": kind_of(kind.kind(), None),
        "scope": match kind.scope { Scope::Namespaced => "Namespaced", Scope::Cluster => "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs(),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let mut subresources: Vec<_> = kind.subresources.clone();
    subresources.sort_by_key(|subresource| subresource.name());
    let subresource = |subresource| {
        let described = described(kind, subresource);
        json!({
            "subresource": subresource.name(),
            "responseKind": kind_of(&described.kind, described.group_version),
            "verbs": described.verbs,
        })
    };
    if !subresources.is_empty() {
        resource["subresources"] = subresources.into_iter().map(subresource).collect();
    }
    resource
}

/// A kind; group and version stay empty where they are the enclosing ones.
fn kind_of(kind: &str, group_version: Option<(&str, &str)>) -> Value {
    let (group, version) = group_version.unwrap_or_default();
    json!({"group": group, "version": version, "kind": kind})
}

//! `APIResourceList`: the resources of a group's version, with their subresources.

use serde_json::{Value, json};

use super::{Group, Version};
use crate::api::kinds::{Kind, Subresource};
use crate::http::reviews::{self, Review};

/// One thing that can be asked for, as discovery describes it.
pub struct Described {
    /// The kind of what is sent and received, with its group and version if they are not the resource's own.
    pub kind: String,
    pub group_version: Option<(&'static str, &'static str)>,
    pub verbs: &'static [&'static str],
}

const CHANGE: &[&str] = &["get", "patch", "update"];
const CONNECT: &[&str] = &["create", "get"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];

/// What a subresource takes and gives.
pub fn described(kind: &Kind, subresource: Subresource) -> Described {
    use Subresource as S;
    let own = |kind: &str, verbs| Described { kind: kind.to_owned(), group_version: None, verbs };
    let other = |group, kind: &str, verbs| Described { kind: kind.to_owned(), group_version: Some((group, "v1")), verbs };
    match subresource {
        S::Status | S::Approval | S::EphemeralContainers | S::Resize => own(kind.kind(), CHANGE),
        S::Finalize => own(kind.kind(), &["update"]),
        S::Log => own(kind.kind(), &["get"]),
        S::Scale => other("autoscaling", "Scale", CHANGE),
        S::Binding => own("Binding", &["create"]),
        S::Eviction => other("policy", "Eviction", &["create"]),
        S::Token => other("authentication.k8s.io", "TokenRequest", &["create"]),
        S::Exec => own("PodExecOptions", CONNECT),
        S::Attach => own("PodAttachOptions", CONNECT),
        S::PortForward => own("PodPortForwardOptions", CONNECT),
        S::Proxy => own(
            match kind.kind() {
                "Node" => "NodeProxyOptions",
                "Service" => "ServiceProxyOptions",
                _ => "PodProxyOptions",
            },
            PROXY,
        ),
    }
}

pub(super) fn resources(group: &Group, version: &Version) -> Value {
    let mut resources = Vec::new();
    if group.name.is_empty() {
        resources.push(json!({"name": "bindings", "singularName": "binding", "namespaced": true, "kind": "Binding", "verbs": ["create"]}));
    }
    resources.extend(reviews::of_group(&group.name).map(review));
    for kind in &version.kinds {
        resources.push(resource(kind));
        resources.extend(kind.subresources.iter().map(|subresource| self::subresource(kind, *subresource)));
    }
    resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let mut list = json!({"kind": "APIResourceList", "groupVersion": version.name, "resources": resources});
    // The core group's lists have never said their own version.
    if !group.name.is_empty() {
        list["apiVersion"] = "v1".into();
        list["groupVersion"] = format!("{}/{}", group.name, version.name).into();
    }
    list
}

fn review(review: &Review) -> Value {
    let Review { plural, kind, is_namespaced, .. } = review;
    json!({"name": plural, "singularName": review.singular(), "namespaced": is_namespaced, "kind": kind, "verbs": ["create"]})
}

fn resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "name": kind.plural(),
        "singularName": kind.singular,
        "namespaced": kind.is_namespaced(),
        "kind": kind.kind(),
        "verbs": kind.verbs(),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    resource
}

fn subresource(kind: &Kind, subresource: Subresource) -> Value {
    let described = described(kind, subresource);
    let mut resource = json!({
        "name": format!("{}/{}", kind.plural(), subresource.name()),
        "singularName": "",
        "namespaced": kind.is_namespaced(),
        "kind": described.kind,
        "verbs": described.verbs,
    });
    if let Some((group, version)) = described.group_version {
        resource["group"] = group.into();
        resource["version"] = version.into();
    }
    resource
}

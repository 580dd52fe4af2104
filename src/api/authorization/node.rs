//! What a kubelet may do (the page "Using Node Authorization"): it reads what its pods refer to, keeps its own node and lease, reports on
//! its pods. Where that depends on a body, admission has the last word (`NodeRestriction`).

use std::sync::LazyLock;

use super::defaults::node_rules;
use super::{RequestInfo, Resource, Rule};
use crate::api::node_graph::NodeGraph;
use crate::api::selector::FieldSelector;

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(node_rules);

const LEASES: &str = "kube-node-lease";
const READ: [&str; 3] = ["get", "list", "watch"];

/// # Errors
/// Why not, in upstream's words; empty where it has none.
pub fn judge(node: &str, graph: &NodeGraph, request: &RequestInfo, resource: &Resource) -> Result<(), String> {
    let verb = request.verb.as_str();
    let Resource { group, plural, subresource, .. } = resource;
    match (group.as_str(), plural.as_str(), subresource.as_str()) {
        ("", "secrets" | "configmaps", "") if READ.contains(&verb) => related(node, graph, resource),
        ("", "secrets" | "configmaps", _) => Err("can only read resources of this type".to_owned()),
        ("", "persistentvolumeclaims", "status") if matches!(verb, "get" | "update" | "patch") => related(node, graph, resource),
        ("", "persistentvolumeclaims" | "persistentvolumes", "") if verb == "get" => related(node, graph, resource),
        ("", "persistentvolumeclaims" | "persistentvolumes", _) => Err("can only get individual resources of this type".to_owned()),
        ("", "serviceaccounts", "token") if verb == "create" => related(node, graph, resource),
        ("", "serviceaccounts", _) => Err("can only create tokens for individual service accounts".to_owned()),
        ("", "nodes", _) => own_node(node, verb, resource),
        ("", "pods", _) => pod(node, graph, request, resource),
        ("coordination.k8s.io", "leases", "") => lease(node, verb, resource),
        ("storage.k8s.io", "csinodes", "") => named_like(node, verb, resource, "CSINode"),
        // What it needs whatever its pods are, such as to ask who its own server's clients are.
        _ => may(RULES.iter().any(|rule| rule.allows(request))),
    }
}

fn may(may: bool) -> Result<(), String> {
    if may { Ok(()) } else { Err(String::new()) }
}

/// One object, which a pod of the node refers to.
fn related(node: &str, graph: &NodeGraph, resource: &Resource) -> Result<(), String> {
    let Resource { plural, namespace, name, .. } = resource;
    if name.is_empty() {
        return Err("No Object name found".to_owned());
    }
    match graph.refers_to(plural, namespace, name) {
        true => Ok(()),
        false => Err(format!("no relationship found between node '{node}' and this object")),
    }
}

fn own_node(node: &str, verb: &str, resource: &Resource) -> Result<(), String> {
    let is_own = resource.name == node;
    match (verb, resource.subresource.as_str()) {
        ("create", "") => Ok(()),
        ("get" | "list" | "watch", "" | "status") if is_own => Ok(()),
        ("get" | "list" | "watch", "" | "status") => {
            let what = if resource.name.is_empty() { "all nodes".to_owned() } else { format!("'{}'", resource.name) };
            Err(format!("node '{node}' cannot read {what}, only its own Node object"))
        }
        ("update" | "patch", "" | "status") if is_own => Ok(()),
        ("update" | "patch", "" | "status") => Err(format!("node '{node}' is not allowed to modify node '{}'", resource.name)),
        _ => may(false),
    }
}

fn pod(node: &str, graph: &NodeGraph, request: &RequestInfo, resource: &Resource) -> Result<(), String> {
    let is_own = || match graph.pod(&resource.namespace, &resource.name) {
        Some(_) => Ok(()),
        None => Err(format!("no relationship found between node '{node}' and this object")),
    };
    match (request.verb.as_str(), resource.subresource.as_str()) {
        ("list" | "watch", "") if selects(request, node) => Ok(()),
        ("list" | "watch", "") if resource.name.is_empty() => Err("can only list/watch pods with spec.nodeName field selector".to_owned()),
        ("get" | "list" | "watch", "") => is_own(),
        // Admission looks at the pod as it is when it is written.
        ("create" | "delete", "") | ("update" | "patch", "status") | ("create", "eviction") => Ok(()),
        _ => may(false),
    }
}

/// The request is about pods of the node alone.
fn selects(request: &RequestInfo, node: &str) -> bool {
    FieldSelector::parse(&request.field_selector).is_ok_and(|selector| selector.exact("spec.nodeName") == Some(node))
}

fn lease(node: &str, verb: &str, resource: &Resource) -> Result<(), String> {
    if resource.namespace != LEASES {
        return Err(format!("can only access leases in the \"{LEASES}\" system namespace"));
    }
    match verb {
        "create" => Ok(()),
        "get" | "list" | "watch" | "update" | "patch" | "delete" if resource.name == node => Ok(()),
        "get" | "list" | "watch" | "update" | "patch" | "delete" => {
            Err("can only access node lease with the same name as the requesting node".to_owned())
        }
        _ => may(false),
    }
}

/// An object that has the name of the node.
fn named_like(node: &str, verb: &str, resource: &Resource, what: &str) -> Result<(), String> {
    match verb {
        "create" => Ok(()),
        "get" | "update" | "patch" | "delete" if resource.name == node => Ok(()),
        "get" | "update" | "patch" | "delete" => Err(format!("can only access {what} with the same name as the requesting node")),
        _ => Err(format!("can only get, create, update, patch, or delete a {what}")),
    }
}

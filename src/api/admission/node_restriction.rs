//! NodeRestriction: a node writes only what is its own: its Node, its Lease, its pods, and tokens for those.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::Value;

use super::service_account::MIRROR;
use super::{Operation, Request};
use crate::api::kinds::{Registry, Subresource};
use crate::api::node_graph::{self, NodeGraph};
use crate::api::status::Status;
use crate::api::tokens::ISSUER;

/// Labels below `kubernetes.io` and `k8s.io` that a kubelet may set on its node; all below `kubelet.kubernetes.io` and `node.kubernetes.io`
/// besides.
const KUBELET_LABELS: [&str; 10] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
];

/// Refuses what is not the node's to write; others are not its business. `object` is what is to be written, `None` for a deletion.
pub fn admit(request: &Request, object: Option<&Value>) -> Result<(), Status> {
    let Some(node) = request.user.node() else { return Ok(()) };
    let object = object.unwrap_or(&Value::Null);
    let verdict = match (request.kind.plural(), request.subresource) {
        ("pods", subresource) => pod(request, node, subresource, object),
        ("nodes", _) => own_node(request, node, object),
        ("leases", None) if request.name != node => Err("can only access node lease with the same name as the requesting node".to_owned()),
        ("serviceaccounts", Some(Subresource::Token)) => token(request, node, &object["spec"]),
        _ => Ok(()),
    };
    verdict.map_err(|why| request.forbidden(&why))
}

fn pod(request: &Request, node: &str, subresource: Option<Subresource>, object: &Value) -> Result<(), String> {
    if request.operation == Operation::Create && subresource.is_none() {
        return mirror_pod(request, node, object);
    }
    let is_own = NodeGraph::new(request.snapshot, node).pod(request.namespace, request.name).is_some();
    match (request.operation, subresource) {
        (Operation::Delete, None) if is_own => Ok(()),
        (Operation::Delete, None) => Err(format!("node \"{node}\" can only delete pods with spec.nodeName set to itself")),
        (Operation::Update, Some(Subresource::Status)) if is_own => match differs(request, object, "/metadata/labels") {
            true => Err(format!("node \"{node}\" cannot update labels through pod status")),
            false => Ok(()),
        },
        (Operation::Update, Some(Subresource::Status)) => {
            Err(format!("node \"{node}\" can only update pod status for pods with spec.nodeName set to itself"))
        }
        _ => Err(format!("node \"{node}\" can only create and delete mirror pods")),
    }
}

/// Whether a part of the object is to become another one.
fn differs(request: &Request, object: &Value, pointer: &str) -> bool {
    let part = |object: &Value| object.pointer(pointer).filter(|part| !is_empty(part)).cloned();
    request.old.is_some_and(|old| part(old) != part(object))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// A pod that a node shows of its own accord: it is there, belongs to it, and gets nothing from the API.
fn mirror_pod(request: &Request, node: &str, object: &Value) -> Result<(), String> {
    if object["metadata"]["annotations"][MIRROR].is_null() {
        return Err(format!("pod does not have \"{MIRROR}\" annotation, node \"{node}\" can only create mirror pods"));
    }
    if object["spec"]["nodeName"] != node {
        return Err(format!("node \"{node}\" can only create pods with spec.nodeName set to itself"));
    }
    let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let uid = request.find(&Registry::built_in().of::<Node>().collection, node).map(|node| node.uid().to_owned());
    let is_owned = matches!(owners, [owner] if owner["apiVersion"] == "v1" && owner["kind"] == "Node" && owner["name"] == node
        && owner["controller"] == true && uid.is_some_and(|uid| owner["uid"] == *uid));
    if !is_owned {
        return Err(format!("node \"{node}\" can only create pods with a controller owner reference set to itself"));
    }
    let pod: Pod = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let references = [
        ("a service account", !node_graph::service_account(&pod).is_empty()),
        ("secrets", node_graph::secrets(&pod).next().is_some()),
        ("configmaps", node_graph::config_maps(&pod).next().is_some()),
        ("persistentvolumeclaims", node_graph::claims(&pod).next().is_some()),
    ];
    match references.iter().find(|(_, refers)| *refers) {
        Some((what, _)) => Err(format!("node \"{node}\" can not create pods that reference {what}")),
        None => Ok(()),
    }
}

fn own_node(request: &Request, node: &str, object: &Value) -> Result<(), String> {
    if request.name != node {
        return Err(format!("node \"{node}\" is not allowed to modify node \"{}\"", request.name));
    }
    if request.operation == Operation::Update {
        if differs(request, object, "/spec/taints") {
            return Err(format!("node \"{node}\" is not allowed to modify taints"));
        }
        if differs(request, object, "/metadata/ownerReferences") {
            return Err(format!("node \"{node}\" is not allowed to modify ownerReferences"));
        }
    }
    let labels = |object: &Value| -> BTreeMap<String, Value> {
        object["metadata"]["labels"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (old, new) = (request.old.map(labels).unwrap_or_default(), labels(object));
    let changed = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key) && !may_label(key));
    let changed: BTreeSet<&str> = changed.map(String::as_str).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let changed = changed.into_iter().collect::<Vec<_>>().join(", ");
    Err(format!("node \"{node}\" is not allowed to modify labels: {changed}"))
}

fn may_label(key: &str) -> bool {
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let below = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if below("node-restriction.kubernetes.io") {
        return false;
    }
    !(below("kubernetes.io") || below("k8s.io"))
        || KUBELET_LABELS.contains(&key)
        || below("kubelet.kubernetes.io")
        || below("node.kubernetes.io")
}

/// A token for a pod of the node: bound to that very pod, and for whom the pod wants one.
fn token(request: &Request, node: &str, spec: &Value) -> Result<(), String> {
    let bound = &spec["boundObjectRef"];
    let text = |field: &str| bound[field].as_str().unwrap_or_default();
    if text("kind") != "Pod" || text("apiVersion") != "v1" || text("name").is_empty() {
        return Err("node requested token not bound to a pod".to_owned());
    }
    if text("uid").is_empty() {
        return Err("node requested token with a pod binding without a uid".to_owned());
    }
    let Some(pod) = NodeGraph::new(request.snapshot, node).pod(request.namespace, text("name")) else {
        return Err("node requested token bound to a pod scheduled on a different node".to_owned());
    };
    if pod.uid() != text("uid") {
        return Err(format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been deleted and then recreated",
            text("uid")
        ));
    }
    let pod: Pod = pod.parse().map_err(|error| error.to_string())?;
    if node_graph::service_account(&pod) != request.name {
        return Err(format!("node requested token for serviceaccount \"{}\", which is not that of the pod", request.name));
    }
    let wanted: Vec<&str> = node_graph::audiences(&pod).collect();
    let asked = spec["audiences"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match asked.filter(|audience| *audience != ISSUER).find(|audience| !wanted.contains(audience)) {
        Some(audience) => Err(format!("audience \"{audience}\" not found in pod spec volume")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_labels_itself_only_with_what_is_a_kubelets_to_say() {
        for (key, may) in [
            ("team", true),
            ("example.com/rack", true),
            ("kubernetes.io/hostname", true),
            ("node.kubernetes.io/instance-type", true),
            ("feature.node.kubernetes.io/x", true),
            ("node-role.kubernetes.io/control-plane", false),
            ("node-restriction.kubernetes.io/pci", false),
            ("x.node-restriction.kubernetes.io/pci", false),
            ("k8s.io/x", false),
        ] {
            assert_eq!(may_label(key), may, "{key}");
        }
    }
}

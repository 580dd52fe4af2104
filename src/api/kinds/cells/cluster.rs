//! The cells of nodes, quotas and what else the cluster is made of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Fields, NONE, or};

pub fn node_status(node: &Value) -> Value {
    let ready = node.list("/status/conditions").iter().rfind(|condition| condition.text("/type") == "Ready");
    let mut status = match ready.map(|condition| condition.text("/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.flag("/spec/unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

/// Of a component.
pub fn component_health(component: &Value) -> Value {
    match component.list("/conditions").iter().find(|condition| condition.text("/type") == "Healthy") {
        Some(condition) if condition.text("/status") == "True" => "Healthy",
        Some(_) => "Unhealthy",
        None => "Unknown",
    }
    .into()
}

pub fn node_roles(node: &Value) -> Value {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let roles: BTreeSet<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    or(&roles.into_iter().collect::<Vec<_>>().join(","), NONE).into()
}

pub fn internal_ip(node: &Value) -> Value {
    address(node, "InternalIP")
}

pub fn external_ip(node: &Value) -> Value {
    address(node, "ExternalIP")
}

fn address(node: &Value, kind: &str) -> Value {
    let address = node.list("/status/addresses").iter().find(|address| address.text("/type") == kind);
    address.map_or(NONE, |address| address.text("/address")).into()
}

pub fn os_image(node: &Value) -> Value {
    known(node, "/status/nodeInfo/osImage")
}

pub fn kernel(node: &Value) -> Value {
    known(node, "/status/nodeInfo/kernelVersion")
}

pub fn container_runtime(node: &Value) -> Value {
    known(node, "/status/nodeInfo/containerRuntimeVersion")
}

fn known(node: &Value, pointer: &str) -> Value {
    or(node.text(pointer), "<unknown>").into()
}

pub fn quota_requests(quota: &Value) -> Value {
    quota_use(quota, |resource| !resource.starts_with("limits."))
}

pub fn quota_limits(quota: &Value) -> Value {
    quota_use(quota, |resource| resource.starts_with("limits."))
}

/// `resource: used/hard` of the resources that are asked for.
fn quota_use(quota: &Value, wanted: fn(&str) -> bool) -> Value {
    let amount = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("0").to_owned();
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    let mut pairs: Vec<_> = hard
        .into_iter()
        .flatten()
        .filter(|(resource, _)| wanted(resource))
        .map(|(resource, hard)| {
            format!("{resource}: {}/{}", amount(quota.pointer("/status/used").and_then(|used| used.get(resource))), amount(Some(hard)))
        })
        .collect();
    pairs.sort();
    pairs.join(", ").into()
}

/// The entries of a ConfigMap or Secret.
pub fn data_entries(object: &Value) -> Value {
    (object.entries("/data") + object.entries("/binaryData")).into()
}

pub fn account_secrets(account: &Value) -> Value {
    account.list("/secrets").len().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_shows_its_readiness_its_roles_and_whether_it_takes_pods() {
        let node = json!({
            "metadata": {"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
        });
        assert_eq!(node_status(&node), "Ready,SchedulingDisabled");
        assert_eq!(node_roles(&node), "edge,worker");
        assert_eq!((internal_ip(&node), external_ip(&node)), ("10.0.0.1".into(), "<none>".into()));
        assert_eq!(node_status(&json!({})), "Unknown");
    }

    #[test]
    fn a_quota_shows_use_and_limit_in_two_columns() {
        let quota = json!({"status": {"hard": {"pods": "2", "limits.cpu": "4"}, "used": {"pods": "1"}}});
        assert_eq!(quota_requests(&quota), "pods: 1/2");
        assert_eq!(quota_limits(&quota), "limits.cpu: 0/4");
    }
}

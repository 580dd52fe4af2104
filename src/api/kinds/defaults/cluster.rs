//! Namespaces, nodes, limits, priorities and endpoint slices.

use serde_json::{Map, Value};

use super::{Complete, fill, map_at};
use crate::api::kinds::fields::Fields;

/// The label that names a namespace to selectors.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub fn namespace(namespace: &mut Value) {
    let name = namespace.text("/metadata/name").to_owned();
    if !name.is_empty()
        && let Some(labels) = namespace.part("/metadata").and_then(|metadata| metadata.made("labels"))
    {
        labels.insert(NAME_LABEL.to_owned(), name.into());
    }
    if let Some(status) = namespace.part("/status") {
        status.empty("phase", "Active");
    }
}

/// What a node has, pods may use, until its kubelet says otherwise. Its one range of old is the first of many.
pub fn node(node: &mut Value) {
    if let Some(spec) = node.part("/spec") {
        let (one, first) = (spec.text("/podCIDR").to_owned(), spec.text("/podCIDRs/0").to_owned());
        match (one.is_empty(), first.is_empty()) {
            (true, false) => spec["podCIDR"] = first.into(),
            (false, _) if one != first => spec["podCIDRs"] = vec![one].into(),
            _ => {}
        }
    }
    if let Some(capacity) = node.at("/status/capacity").cloned()
        && let Some(status) = node.part("/status")
    {
        status.absent("allocatable", capacity);
    }
}

pub fn priority_class(class: &mut Value) {
    class.absent("preemptionPolicy", "PreemptLowerPriority");
}

pub fn endpoint_slice(slice: &mut Value) {
    for port in slice.each("/ports") {
        port.absent("name", "");
        port.absent("protocol", "TCP");
    }
}

/// For containers, the maximum is the default limit, which is the default request; else the minimum is.
pub fn limit_range(range: &mut Value) {
    for item in range.each("/spec/limits").filter(|item| item.text("/type") == "Container") {
        for (field, sources) in [("default", ["/max"].as_slice()), ("defaultRequest", &["/default", "/min"])] {
            let mut filled = map_at(item, &format!("/{field}")).unwrap_or_default();
            for source in sources.iter().filter_map(|source| map_at(item, source)) {
                fill(&mut filled, &source);
            }
            set(item, field, filled);
        }
    }
}

fn set(item: &mut Value, field: &str, entries: Map<String, Value>) {
    if !entries.is_empty() {
        item[field] = entries.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_limit_range_fills_its_defaults_from_its_bounds() {
        let mut range = json!({"spec": {"limits": [
            {"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "min": {"cpu": "100m", "x": "1"}, "default": {"cpu": "500m"}},
            {"type": "Pod", "max": {"cpu": "2"}}]}});
        limit_range(&mut range);
        assert_eq!(range["spec"]["limits"][0]["default"], json!({"cpu": "500m", "memory": "1Gi"}));
        assert_eq!(range["spec"]["limits"][0]["defaultRequest"], json!({"cpu": "500m", "memory": "1Gi", "x": "1"}));
        assert_eq!(range["spec"]["limits"][1], json!({"type": "Pod", "max": {"cpu": "2"}}));
    }

    #[test]
    fn a_nodes_one_range_and_its_many_agree() {
        for (given, expected) in [
            (json!({"podCIDRs": ["a", "b"]}), json!({"podCIDR": "a", "podCIDRs": ["a", "b"]})),
            (json!({"podCIDR": "a", "podCIDRs": ["b"]}), json!({"podCIDR": "a", "podCIDRs": ["a"]})),
        ] {
            let mut object = json!({ "spec": given });
            node(&mut object);
            assert_eq!(object["spec"], expected);
        }
    }

    #[test]
    fn a_namespace_is_labelled_with_its_name() {
        let mut object = json!({"metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "b"}}});
        namespace(&mut object);
        assert_eq!(object["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "a"}));
    }
}

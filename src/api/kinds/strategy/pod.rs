//! Pods.

use serde_json::{Map, Value, json};

use super::{put, restore};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;
use crate::api::validation::pod::qos_class_of;

/// A new pod waits, and is of the class that its requests give it. A gated one says so from its creation on (KEP-3521).
pub fn pod(pod: &mut Value) {
    let class = pod.get("spec").and_then(|spec| qos_class_of(spec).ok());
    put(pod, "status", "phase", "Pending");
    put(pod, "status", "qosClass", class.unwrap_or("BestEffort"));
    if !pod.list("/spec/schedulingGates").is_empty() {
        let gated = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastTransitionTime": pod.pointer("/metadata/creationTimestamp"),
        });
        put(pod, "status", "conditions", vec![gated]);
    }
    select_by_own_labels(pod);
}

/// `matchLabelKeys` and `mismatchLabelKeys` become requirements on the labels that the pod itself has (KEP-3633, KEP-3243).
fn select_by_own_labels(pod: &mut Value) {
    let labels = pod.at("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let lists = [
        ("/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution", ""),
        ("/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution", "/podAffinityTerm"),
        ("/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution", ""),
        ("/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution", "/podAffinityTerm"),
        ("/spec/topologySpreadConstraints", ""),
    ];
    for (list, term) in lists {
        for item in pod.at_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(term) = item.at_mut(term) {
                join_selector(term, &labels);
            }
        }
    }
}

fn join_selector(term: &mut Value, labels: &Map<String, Value>) {
    let requirements: Vec<Value> = [("/matchLabelKeys", "In"), ("/mismatchLabelKeys", "NotIn")]
        .into_iter()
        .flat_map(|(keys, operator)| term.list(keys).iter().filter_map(Value::as_str).map(move |key| (key, operator)))
        .filter_map(|(key, operator)| Some(json!({"key": key, "operator": operator, "values": [labels.get(key)?]})))
        .collect();
    if requirements.is_empty() {
        return;
    }
    let Some(selector) = term.get_mut("labelSelector").and_then(Value::as_object_mut) else { return };
    let expressions = selector.entry("matchExpressions").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(expressions) = expressions.as_array_mut() {
        expressions.extend(requirements);
    }
}

/// Each subresource writes its part of a pod and leaves the rest.
pub fn pod_update(pod: &mut Value, old: &Value, subresource: Option<Subresource>) {
    match subresource {
        Some(Subresource::Status) => status(pod, old),
        Some(Subresource::EphemeralContainers) => {
            let containers = pod.at("/spec/ephemeralContainers").cloned();
            restore(pod, old, "spec");
            restore(pod, old, "status");
            if let Some(containers) = containers {
                put(pod, "spec", "ephemeralContainers", containers);
            }
        }
        Some(Subresource::Resize) => resize(pod, old),
        _ => {}
    }
}

/// The class stays; of the addresses the first is also told by itself.
fn status(pod: &mut Value, old: &Value) {
    if pod.text("/status/qosClass").is_empty()
        && let Some(class) = old.at("/status/qosClass").cloned()
    {
        put(pod, "status", "qosClass", class);
    }
    match (pod.text("/status/podIP").to_owned(), pod.text("/status/podIPs/0/ip").to_owned()) {
        (one, first) if one == first => {}
        (one, first) if one.is_empty() => put(pod, "status", "podIP", first),
        (one, _) => put(pod, "status", "podIPs", json!([{ "ip": one }])),
    }
}

/// Only what containers ask for.
fn resize(pod: &mut Value, old: &Value) {
    let wanted = pod.get("spec").cloned().unwrap_or_default();
    restore(pod, old, "spec");
    restore(pod, old, "status");
    for list in ["/containers", "/initContainers"] {
        let containers = pod.at_mut(&format!("/spec{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container.text("/name").to_owned();
            let Some(new) = wanted.list(list).iter().find(|new| new.text("/name") == name) else { continue };
            for field in ["resources", "resizePolicy"] {
                restore(container, new, field);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pod_is_pending_and_a_gated_one_says_so() {
        let since = "2026-01-01T00:00:00Z";
        let spec = json!({"containers": [{"name": "c"}], "schedulingGates": [{"name": "a"}]});
        let mut object = json!({"metadata": {"creationTimestamp": since}, "spec": spec, "status": {}});
        pod(&mut object);
        assert_eq!((object.text("/status/phase"), object.text("/status/qosClass")), ("Pending", "BestEffort"));
        let condition = &object["status"]["conditions"][0];
        assert_eq!((condition.text("/reason"), condition.text("/lastTransitionTime")), ("SchedulingGated", since));
    }

    #[test]
    fn a_resize_changes_nothing_but_resources() {
        let old = json!({"spec": {"containers": [{"name": "c", "image": "a", "resources": {"requests": {"cpu": "1"}}}]}});
        let mut new = json!({"spec": {"containers": [{"name": "c", "image": "b", "resources": {"requests": {"cpu": "2"}}}]}});
        pod_update(&mut new, &old, Some(Subresource::Resize));
        assert_eq!(new["spec"]["containers"], json!([{"name": "c", "image": "a", "resources": {"requests": {"cpu": "2"}}}]));
    }

    #[test]
    fn labels_that_a_pod_shares_join_its_selectors() {
        let mut object = json!({"metadata": {"labels": {"v": "1"}}, "spec": {"topologySpreadConstraints": [
            {"matchLabelKeys": ["v", "absent"], "labelSelector": {}}]}});
        pod(&mut object);
        let expressions = &object["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchExpressions"];
        assert_eq!(*expressions, json!([{"key": "v", "operator": "In", "values": ["1"]}]));
    }
}

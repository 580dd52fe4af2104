//! What only the server decides on in new and changed objects, kind by kind.

use serde_json::{Value, json};

use super::Subresource;
use crate::runtime::clock;

const NAMESPACE_FINALIZER: &str = "kubernetes";

/// A namespace is held back until its contents are gone.
pub fn namespace(namespace: &mut Value) {
    namespace["status"] = json!({"phase": "Active"});
    let finalizers = &mut namespace["spec"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(present) if present.iter().any(|name| name == NAMESPACE_FINALIZER) => {}
        Some(present) => present.push(NAMESPACE_FINALIZER.into()),
        None => *finalizers = vec![NAMESPACE_FINALIZER].into(),
    }
}

/// Only `finalize` changes the finalizers of a namespace.
pub fn namespace_update(namespace: &mut Value, old: &Value, subresource: Option<Subresource>) {
    match subresource {
        None => namespace["spec"] = old["spec"].clone(),
        Some(Subresource::Finalize) => namespace["status"] = old["status"].clone(),
        _ => {}
    }
}

pub fn pod(pod: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": qos_class(&pod["spec"])});
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": null, "lastTransitionTime": null,
        }]);
    }
    pod["status"] = status;
}

/// Kubelets write statuses that know neither the class nor the owners.
pub fn pod_update(pod: &mut Value, old: &Value, subresource: Option<Subresource>) {
    if subresource != Some(Subresource::Status) {
        return;
    }
    if pod["status"]["qosClass"].as_str().is_none_or(str::is_empty) && !old["status"]["qosClass"].is_null() {
        pod["status"]["qosClass"] = old["status"]["qosClass"].clone();
    }
    let Some(metadata) = pod["metadata"].as_object_mut() else { return };
    match old["metadata"].get("ownerReferences") {
        Some(owners) => metadata.insert("ownerReferences".into(), owners.clone()),
        None => metadata.remove("ownerReferences"),
    };
}

pub fn claim(claim: &mut Value) {
    claim["status"] = json!({"phase": "Pending"});
}

pub fn volume(volume: &mut Value) {
    volume["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now()});
}

/// The time of the last change of phase is the server's, unless the writer knows it.
pub fn volume_update(volume: &mut Value, old: &Value, subresource: Option<Subresource>) {
    let (new, old) = (&mut volume["status"], &old["status"]);
    if subresource == Some(Subresource::Status)
        && new["phase"] != old["phase"]
        && new["lastPhaseTransitionTime"] == old["lastPhaseTransitionTime"]
    {
        new["lastPhaseTransitionTime"] = now().into();
    }
}

fn now() -> String {
    clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How a pod is treated when resources end (the concept page "Pod Quality of Service Classes").
fn qos_class(spec: &Value) -> &'static str {
    const COUNTED: [&str; 2] = ["cpu", "memory"];
    let amount =
        |resources: &Value, list: &str, name: &str| resources[list][name].as_str().filter(|amount| *amount != "0").map(str::to_owned);
    let is_set =
        |resources: &Value| ["requests", "limits"].iter().any(|list| COUNTED.iter().any(|name| amount(resources, list, name).is_some()));
    let is_guaranteed = |resources: &Value| {
        COUNTED.iter().all(|name| {
            let limit = amount(resources, "limits", name);
            limit.is_some() && resources["requests"].get(*name).is_none_or(|request| request.as_str() == limit.as_deref())
        })
    };
    let containers = ["containers", "initContainers"].iter().flat_map(|list| spec[*list].as_array().into_iter().flatten());
    let all: Vec<&Value> =
        if is_set(&spec["resources"]) { vec![&spec["resources"]] } else { containers.map(|one| &one["resources"]).collect() };
    if !all.iter().any(|resources| is_set(resources)) {
        "BestEffort"
    } else if all.iter().all(|resources| is_guaranteed(resources)) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_follows_from_cpu_and_memory() {
        let spec = |resources: Value| json!({"containers": [{"resources": resources}]});
        for (resources, class) in [
            (json!({}), "BestEffort"),
            (json!({"limits": {"example.com/gpu": "1"}}), "BestEffort"),
            (json!({"requests": {"cpu": "1"}}), "Burstable"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}), "Burstable"),
        ] {
            assert_eq!(qos_class(&spec(resources.clone())), class, "{resources}");
        }
    }

    #[test]
    fn a_gated_pod_says_why_it_is_not_scheduled() {
        let mut gated = json!({"spec": {"containers": [], "schedulingGates": [{"name": "g"}]}});
        pod(&mut gated);
        assert_eq!(gated["status"]["conditions"][0]["reason"], "SchedulingGated");
    }
}

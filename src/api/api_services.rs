//! The groups and versions that a server answers for itself, as API services (upstream: its autoregistration of them).

use serde_json::{Value, json};

use super::kinds::Registry;
use super::schema::written;
use crate::runtime::clock;

/// Says that the object comes and goes with the server.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// Group, version, and the priorities by which clients choose among groups and among versions.
const PRIORITIES: [(&str, &str, i32, i32); 21] = [
    ("", "v1", 18000, 1),
    ("apps", "v1", 17800, 15),
    ("events.k8s.io", "v1", 17750, 15),
    ("authentication.k8s.io", "v1", 17700, 15),
    ("authorization.k8s.io", "v1", 17600, 15),
    ("autoscaling", "v1", 17500, 15),
    ("autoscaling", "v2", 17500, 30),
    ("batch", "v1", 17400, 15),
    ("certificates.k8s.io", "v1", 17300, 15),
    ("networking.k8s.io", "v1", 17200, 15),
    ("policy", "v1", 17100, 15),
    ("rbac.authorization.k8s.io", "v1", 17000, 15),
    ("storage.k8s.io", "v1", 16800, 15),
    ("admissionregistration.k8s.io", "v1", 16700, 15),
    ("apiextensions.k8s.io", "v1", 16700, 15),
    ("scheduling.k8s.io", "v1", 16600, 15),
    ("coordination.k8s.io", "v1", 16500, 15),
    ("node.k8s.io", "v1", 16300, 15),
    ("discovery.k8s.io", "v1", 16200, 12),
    ("resource.k8s.io", "v1", 16200, 15),
    ("flowcontrol.apiserver.k8s.io", "v1", 16100, 21),
];

/// Groups without kinds: what is asked of them is answered, and not kept.
const REVIEWS: [&str; 2] = ["authentication.k8s.io", "authorization.k8s.io"];

/// All that are served; they are there as soon as the server is.
pub fn local() -> Vec<Value> {
    let registry = Registry::built_in();
    let is_served = |group: &str, version: &str| {
        REVIEWS.contains(&group) || registry.all().any(|kind| (kind.group(), kind.version()) == (group, version))
    };
    let now = written(clock::now());
    let service = |(group, version, group_priority, version_priority): &(&str, &str, i32, i32)| {
        json!({
            "metadata": {"name": format!("{version}.{group}"), "labels": {AUTOMANAGED: "onstart"}},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": group_priority,
                "versionPriority": version_priority,
            },
            "status": {"conditions": [{
                "type": "Available",
                "status": "True",
                "lastTransitionTime": now,
                "reason": "Local",
                "message": "Local APIServices are always available",
            }]},
        })
    };
    PRIORITIES.iter().filter(|(group, version, ..)| is_served(group, version)).map(service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_that_is_served_has_its_service() {
        let known: Vec<String> = local().iter().map(|service| service["metadata"]["name"].as_str().unwrap().to_owned()).collect();
        for kind in Registry::built_in().all().filter(|kind| kind.group() != "apiregistration.k8s.io") {
            assert!(known.contains(&format!("{}.{}", kind.version(), kind.group())), "{kind:?}");
        }
    }
}

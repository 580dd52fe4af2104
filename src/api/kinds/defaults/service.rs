//! Services and endpoints.

use serde_json::{Value, json};

use super::Complete;
use crate::api::kinds::fields::Fields;

/// Three hours: how long a client stays with its endpoint.
const AFFINITY_SECONDS: i32 = 10_800;

pub fn service(service: &mut Value) {
    let Some(spec) = service.always(&["spec"]) else { return };
    spec.empty("sessionAffinity", "None");
    match spec.text("/sessionAffinity") {
        "None" => {
            spec.as_object_mut().map(|spec| spec.remove("sessionAffinityConfig"));
        }
        "ClientIP" if !spec.is_set("/sessionAffinityConfig/clientIP/timeoutSeconds") => {
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}});
        }
        _ => {}
    }
    spec.empty("type", "ClusterIP");
    for port in spec.each("/ports") {
        port.empty("protocol", "TCP");
        if let Some(number) = port.get("port").cloned() {
            port.empty("targetPort", number);
        }
    }
    let kind = spec.text("/type").to_owned();
    let is_reached_from_outside =
        matches!(kind.as_str(), "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && !spec.list("/externalIPs").is_empty());
    if is_reached_from_outside {
        spec.empty("externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        spec.absent("internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        spec.absent("allocateLoadBalancerNodePorts", true);
        for ingress in service.each("/status/loadBalancer/ingress") {
            if !ingress.text("/ip").is_empty() {
                ingress.absent("ipMode", "VIP");
            }
        }
    }
}

pub fn endpoints(endpoints: &mut Value) {
    for subset in endpoints.each("/subsets") {
        subset.each("/ports").for_each(|port| port.empty("protocol", "TCP"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_completed_by_their_type() {
        let ports = json!([{"port": 80}]);
        let full = json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]);
        for (given, expected) in [
            (
                json!({ "ports": ports }),
                json!({"ports": full, "sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster"}),
            ),
            (
                json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": []}),
                json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [], "allocateLoadBalancerNodePorts": true,
                    "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
                    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
            ),
            (
                json!({"type": "ExternalName", "externalName": "a.example"}),
                json!({"type": "ExternalName", "externalName": "a.example", "sessionAffinity": "None"}),
            ),
        ] {
            let mut object = json!({ "spec": given });
            service(&mut object);
            assert_eq!(object["spec"], expected);
        }
    }
}

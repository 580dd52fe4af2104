//! Whether a pod that was bound to the node fits on it: who bound it may have known less.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use super::spec::{host_ports, pod_requests};

/// What a pod takes of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    requests: BTreeMap<String, i64>,
    /// Protocol, address (empty: all) and port.
    host_ports: Vec<(String, String, i32)>,
}

impl Demand {
    pub fn of(pod: &Pod) -> Self {
        let port = |port: &k8s_openapi::api::core::v1::ContainerPort| {
            let address = port.host_ip.clone().filter(|ip| ip != "0.0.0.0" && ip != "::").unwrap_or_default();
            (port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), address, port.host_port.unwrap_or_default())
        };
        Self { requests: pod_requests(pod), host_ports: host_ports(pod).map(port).collect() }
    }
}

/// Why a pod is not run, as its status says.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: &'static str,
    pub message: String,
}

/// # Errors
/// The pod does not fit beside those that are there. `allocatable` is in thousandths of CPUs, bytes and pods.
pub fn admit(new: &Demand, others: &[Demand], allocatable: &BTreeMap<String, i64>) -> Result<(), Rejection> {
    let used = |name: &str| others.iter().filter_map(|other| other.requests.get(name)).sum::<i64>();
    let pods = i64::try_from(others.len()).unwrap_or(i64::MAX);
    let lacking = |name: &str, requested: i64, used: i64, capacity: i64| {
        let message = format!(
            "Pod was rejected: Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        );
        let reason = match name {
            "cpu" => "OutOfcpu",
            "memory" => "OutOfmemory",
            "ephemeral-storage" => "OutOfephemeral-storage",
            "pods" => "OutOfpods",
            _ => "UnexpectedAdmissionError",
        };
        Err(Rejection { reason, message })
    };
    let most = allocatable.get("pods").copied().unwrap_or(i64::MAX);
    if pods >= most {
        return lacking("pods", 1, pods, most);
    }
    for (name, requested) in new.requests.iter().filter(|(_, requested)| **requested > 0) {
        // What the node does not account for it does not limit.
        let Some(capacity) = allocatable.get(name) else { continue };
        if used(name) + requested > *capacity {
            return lacking(name, *requested, used(name), *capacity);
        }
    }
    let clash =
        |a: &(String, String, i32), b: &(String, String, i32)| a.0 == b.0 && a.2 == b.2 && (a.1 == b.1 || a.1.is_empty() || b.1.is_empty());
    if new.host_ports.iter().any(|port| others.iter().flat_map(|other| &other.host_ports).any(|other| clash(port, other))) {
        let why = "node(s) didn't have free ports for the requested pod ports";
        let message = format!("Pod was rejected: Predicate NodePorts failed: {why}");
        return Err(Rejection { reason: "NodePorts", message });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn demand(cpu: &str, host_port: i32) -> Demand {
        let container =
            json!({"name": "c", "resources": {"requests": {"cpu": cpu}}, "ports": [{"containerPort": 1, "hostPort": host_port}]});
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [container]}})).unwrap();
        Demand::of(&pod)
    }

    #[test]
    fn a_pod_must_fit_beside_the_others() {
        let node = [("cpu".to_owned(), 2000), ("pods".to_owned(), 3)].into();
        let reason = |new: &Demand, others: &[Demand]| admit(new, others, &node).err().map(|rejection| rejection.reason);
        assert_eq!(reason(&demand("1500m", 0), &[demand("500m", 0)]), None);
        assert_eq!(reason(&demand("1501m", 0), &[demand("500m", 0)]), Some("OutOfcpu"));
        assert_eq!(reason(&demand("0", 80), &[demand("0", 80)]), Some("NodePorts"));
        assert_eq!(reason(&demand("0", 80), &[demand("0", 81)]), None);
        assert_eq!(reason(&demand("0", 0), &[demand("0", 1), demand("0", 2), demand("0", 3)]), Some("OutOfpods"));
        let message = admit(&demand("2", 0), &[demand("500m", 0)], &node).unwrap_err().message;
        assert_eq!(message, "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 500, capacity: 2000");
    }
}

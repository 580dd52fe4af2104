//! What a node says of itself. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::Options;
use crate::api::quantity::{Format, Quantity};
use crate::runtime::containers::RuntimeInfo;

/// The version of Kubernetes that is spoken.
const VERSION: &str = "v1.35.4";

/// The labels that every node has.
pub fn labels(options: &Options, info: &RuntimeInfo) -> BTreeMap<String, String> {
    let own = [
        ("kubernetes.io/hostname", options.node_name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", &info.architecture),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", &info.architecture),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    own.chain(options.labels.clone()).collect()
}

/// The node as it is first registered.
pub fn node(options: &Options, info: &RuntimeInfo) -> Value {
    let mut spec = json!({ "taints": options.taints });
    if let Some(range) = options.pod_range {
        spec["podCIDR"] = range.to_string().into();
        spec["podCIDRs"] = json!([range.to_string()]);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": options.node_name, "labels": labels(options, info) },
        "spec": spec,
    })
}

/// What pods may take, in thousandths of a CPU, bytes and pods.
pub fn allocatable(options: &Options, info: &RuntimeInfo) -> BTreeMap<String, i64> {
    if let Some(resources) = &options.resources {
        let amount = |name: &str, quantity: &Quantity| if name == "cpu" { quantity.milli_value() } else { quantity.value() };
        return resources.allocatable.iter().map(|(name, quantity)| (name.clone(), amount(name, quantity))).collect();
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let all = [("cpu", number(info.cpus * 1000)), ("memory", number(info.memory_bytes)), ("pods", options.max_pods.into())];
    let storage = (info.storage_bytes > 0).then(|| ("ephemeral-storage", number(info.storage_bytes)));
    all.into_iter().chain(storage).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What there is, and what of it pods may take, as a status says it.
fn resources(options: &Options, info: &RuntimeInfo) -> (Value, Value) {
    if let Some(resources) = &options.resources {
        let written = |all: &BTreeMap<String, Quantity>| -> Value {
            all.iter().map(|(name, amount)| (name.clone(), Value::from(amount.to_string()))).collect()
        };
        return (written(&resources.capacity), written(&resources.allocatable));
    }
    let mut all = json!({
        "cpu": info.cpus.to_string(),
        "memory": kibibytes(info.memory_bytes),
        "pods": options.max_pods.to_string(),
    });
    if info.storage_bytes > 0 {
        all["ephemeral-storage"] = kibibytes(info.storage_bytes).into();
    }
    (all.clone(), all)
}

/// The node's status. `old` is the last one, whose times of transition stay where nothing changes; `trouble` says why the node is not ready.
pub fn status(options: &Options, info: &RuntimeInfo, trouble: Option<&str>, old: &Value, now: Timestamp) -> Value {
    let (capacity, allocatable) = resources(options, info);
    let addresses = options.node_ips.iter().map(|ip| json!({ "type": "InternalIP", "address": ip.to_string() }));
    let addresses: Vec<Value> = addresses.chain([json!({ "type": "Hostname", "address": options.node_name })]).collect();
    let ready = match trouble {
        None => ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        Some(why) => ("Ready", "False", "KubeletNotReady", why),
    };
    let conditions = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ready,
    ];
    let id = options.node_name.as_str();
    let mut status = json!({
        "capacity": capacity,
        "allocatable": allocatable,
        "addresses": addresses,
        "conditions": conditions.map(|condition| self::condition(condition, old, now)),
        "nodeInfo": {
            "architecture": info.architecture,
            "operatingSystem": "linux",
            "osImage": info.operating_system,
            "kernelVersion": info.kernel,
            "containerRuntimeVersion": format!("{}://{}", info.name, info.version),
            "kubeletVersion": VERSION,
            "kubeProxyVersion": "",
            "machineID": id,
            "systemUUID": id,
            "bootID": id,
        },
    });
    if options.port != 0 {
        status["daemonEndpoints"] = json!({ "kubeletEndpoint": { "Port": options.port } });
    }
    status
}

fn condition((kind, status, reason, message): (&str, &str, &str, &str), old: &Value, now: Timestamp) -> Value {
    let before = old["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == kind);
    let since = before.filter(|before| before["status"] == status).map(|before| before["lastTransitionTime"].clone());
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": seconds(now),
        "lastTransitionTime": since.filter(|since| !since.is_null()).unwrap_or_else(|| seconds(now)),
    })
}

/// As the API writes it, so that what is there can be compared with it.
fn kibibytes(bytes: u64) -> String {
    let whole = i64::try_from(bytes / 1024 * 1024).unwrap_or(i64::MAX);
    Quantity::from_value(whole, Format::BinarySi).to_string()
}

fn seconds(time: Timestamp) -> Value {
    Timestamp::from_second(time.as_second()).expect("a second of a timestamp is one").to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_how_much_its_containers_can_write_if_it_knows() {
        let options = Options::new("n", [192, 0, 2, 1].into());
        let info = |storage_bytes| RuntimeInfo {
            name: "r".into(),
            version: "1".into(),
            kernel: "k".into(),
            operating_system: "o".into(),
            architecture: "amd64".into(),
            cpus: 2,
            memory_bytes: 1 << 30,
            storage_bytes,
            warning: None,
        };
        let said = |storage| status(&options, &info(storage), None, &Value::Null, Timestamp::UNIX_EPOCH)["allocatable"].clone();
        assert_eq!(said(5 << 30), json!({"cpu": "2", "memory": "1Gi", "pods": "110", "ephemeral-storage": "5Gi"}));
        assert_eq!(said(0), json!({"cpu": "2", "memory": "1Gi", "pods": "110"}));
        assert_eq!(allocatable(&options, &info(5 << 30))["ephemeral-storage"], 5 << 30);
    }
}

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource;

use crate::actors::kubelet::lifecycle::{QosClass, Role, members, qos_class};
use crate::api::quantity::Quantity;
use crate::runtime::containers::Resources;

/// The amount of a resource: CPU in thousandths, others in their units. 0 if it cannot be read.
pub fn amount(quantity: &resource::Quantity, name: &str) -> i64 {
    let parsed: Quantity = quantity.0.parse().unwrap_or_else(|_| Quantity::from_value(0, crate::api::quantity::Format::DecimalSi));
    if name == "cpu" { parsed.milli_value() } else { parsed.value() }
}

/// What a pod asks of a node: the sum of its containers with the sidecars, or what an init container needs, if that is more (KEP-753).
pub fn pod_requests(pod: &Pod) -> BTreeMap<String, i64> {
    let mut running: BTreeMap<String, i64> = BTreeMap::new();
    let mut starting: BTreeMap<String, i64> = BTreeMap::new();
    for member in members(pod) {
        let requests = requests(&member.spec);
        match member.role {
            Role::Ephemeral => {}
            Role::Main | Role::Sidecar => requests.into_iter().for_each(|(name, value)| *running.entry(name).or_default() += value),
            Role::Init => {
                for (name, value) in requests {
                    // The sidecars before it run at the same time.
                    let value = value + running.get(&name).copied().unwrap_or(0);
                    let most = starting.entry(name).or_default();
                    *most = value.max(*most);
                }
            }
        }
    }
    let spec = pod.spec.as_ref();
    let of_pod = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref()).into_iter().flatten();
    for (name, value) in starting {
        let sum = running.entry(name).or_default();
        *sum = value.max(*sum);
    }
    of_pod.for_each(|(name, value)| _ = running.insert(name.clone(), amount(value, name)));
    for (name, value) in spec.and_then(|spec| spec.overhead.as_ref()).into_iter().flatten() {
        *running.entry(name.clone()).or_default() += amount(value, name);
    }
    running
}

fn requests(container: &Container) -> BTreeMap<String, i64> {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    requests.into_iter().flatten().map(|(name, value)| (name.clone(), amount(value, name))).collect()
}

/// What a container may use.
pub fn resources(pod: &Pod, container: &Container, node_memory_bytes: u64) -> Resources {
    let resources = container.resources.clone().unwrap_or_default();
    let get = |set: &Option<BTreeMap<String, resource::Quantity>>, name: &str| {
        let value = set.as_ref().and_then(|set| set.get(name)).map(|value| amount(value, name))?;
        u64::try_from(value).ok().filter(|value| *value > 0)
    };
    let cpu_limit = get(&resources.limits, "cpu");
    let memory_request = get(&resources.requests, "memory").unwrap_or(0);
    Resources {
        cpu_request_millis: get(&resources.requests, "cpu").or(cpu_limit).unwrap_or(0),
        cpu_limit_millis: cpu_limit,
        memory_limit_bytes: get(&resources.limits, "memory"),
        oom_score_adj: oom_score(pod, memory_request, node_memory_bytes),
        pids_limit: None,
    }
}

/// Who goes first when memory ends: those that asked for little (the page "Node-pressure Eviction").
fn oom_score(pod: &Pod, memory_request: u64, node_memory_bytes: u64) -> i32 {
    let is_critical = pod.spec.as_ref().and_then(|spec| spec.priority).is_some_and(|priority| priority >= 2_000_000_000);
    match qos_class(pod) {
        _ if is_critical => -997,
        QosClass::Guaranteed => -997,
        QosClass::BestEffort => 1000,
        QosClass::Burstable => {
            let share = memory_request.saturating_mul(1000) / node_memory_bytes.max(1);
            (1000 - i32::try_from(share).unwrap_or(1000)).clamp(3, 999)
        }
    }
}

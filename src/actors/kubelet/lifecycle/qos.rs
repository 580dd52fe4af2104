use std::fmt;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

/// How a pod is treated when resources end (the concept page "Pod Quality of Service Classes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QosClass {
    Guaranteed,
    Burstable,
    BestEffort,
}

impl fmt::Display for QosClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The class of a pod, by the CPU and memory of its containers, or of the pod itself where they are set there.
pub fn qos_class(pod: &Pod) -> QosClass {
    let Some(spec) = &pod.spec else { return QosClass::BestEffort };
    let of_pod = spec.resources.iter().filter(|resources| is_set(resources)).collect::<Vec<_>>();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let of_containers = || containers.map(|Container { resources, .. }| resources.as_ref()).collect::<Vec<_>>();
    let all = if of_pod.is_empty() { of_containers() } else { of_pod.into_iter().map(Some).collect() };
    if all.iter().flatten().all(|resources| !is_set(resources)) {
        QosClass::BestEffort
    } else if all.iter().all(|resources| resources.is_some_and(is_guaranteed)) {
        QosClass::Guaranteed
    } else {
        QosClass::Burstable
    }
}

fn is_set(resources: &ResourceRequirements) -> bool {
    let amounts = resources.requests.iter().chain(&resources.limits).flatten();
    amounts.into_iter().any(|(name, amount)| (name == "cpu" || name == "memory") && amount.0 != "0")
}

/// Both have a limit, and no request that differs.
fn is_guaranteed(resources: &ResourceRequirements) -> bool {
    ["cpu", "memory"].into_iter().all(|name| {
        let limit = resources.limits.as_ref().and_then(|limits| limits.get(name));
        let request = resources.requests.as_ref().and_then(|requests| requests.get(name));
        limit.is_some_and(|limit| limit.0 != "0" && request.is_none_or(|request| request == limit))
    })
}

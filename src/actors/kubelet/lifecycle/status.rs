//! What is said of a pod.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{self, HostIP, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::condition::conditions;
use super::container_status::container_status;
use super::phase::{self, FAILED, phase};
use super::plan::{deadline, is_initialized};
use super::{Input, Role, members, qos_class};

/// The status of a pod. `ended`: nothing of it runs, and nothing will.
pub fn status(input: &Input, ended: bool) -> PodStatus {
    let members = members(input.pod);
    let has_init = members.iter().any(|member| matches!(member.role, Role::Init | Role::Sidecar));
    let statuses: Vec<v1::ContainerStatus> = members.iter().map(|member| container_status(input, member, has_init, ended)).collect();
    let initialized = is_initialized(input, &members);
    let phase = phase(input.pod, &members, &statuses, initialized, ended);
    let of = |roles: &[Role]| {
        let those = members.iter().zip(&statuses).filter(|(member, _)| roles.contains(&member.role));
        those.map(|(_, status)| status.clone()).collect::<Vec<_>>()
    };
    let mut main = of(&[Role::Main]);
    main.sort_by(|a, b| a.name.cmp(&b.name));
    let some = |list: Vec<v1::ContainerStatus>| (!list.is_empty()).then_some(list);
    let old = input.pod.status.clone().unwrap_or_default();
    let (reason, message) = verdict(input, &old, phase);
    let pod_ips = pod_ips(input, &old);
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(conditions(input, &members, &statuses, phase, initialized)),
        reason,
        message,
        host_ip: input.host_ips.first().map(ToString::to_string),
        host_ips: Some(input.host_ips.iter().map(|ip| HostIP { ip: ip.to_string() }).collect()),
        pod_ip: pod_ips.first().map(|ip| ip.ip.clone()),
        pod_ips: (!pod_ips.is_empty()).then_some(pod_ips),
        start_time: old.start_time.or(Some(Time(input.now))),
        init_container_statuses: some(of(&[Role::Init, Role::Sidecar])),
        container_statuses: some(main),
        ephemeral_container_statuses: some(of(&[Role::Ephemeral])),
        qos_class: Some(qos_class(input.pod).to_string()),
        observed_generation: input.pod.metadata.generation,
        ..old
    }
}

/// Why a pod failed as a whole, if it did.
fn verdict(input: &Input, old: &PodStatus, new_phase: &str) -> (Option<String>, Option<String>) {
    let overdue = deadline(input.pod).is_some_and(|deadline| deadline <= input.now);
    if new_phase == FAILED && phase::terminal(input.pod).is_none() && overdue && input.pod.metadata.deletion_timestamp.is_none() {
        let message = "Pod was active on the node longer than the specified deadline";
        return (Some("DeadlineExceeded".to_owned()), Some(message.to_owned()));
    }
    (old.reason.clone(), old.message.clone())
}

/// The pod's addresses: its sandbox's, the node's on its network, or else those it had.
fn pod_ips(input: &Input, old: &PodStatus) -> Vec<PodIP> {
    let wrap = |ip: &IpAddr| PodIP { ip: ip.to_string() };
    let Some(sandbox) = input.world.ready_sandbox() else { return old.pod_ips.clone().unwrap_or_default() };
    if sandbox.namespaces.host_network { input.host_ips.iter().map(wrap).collect() } else { sandbox.ip.iter().map(wrap).collect() }
}

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};

use super::{NodeFacts, dns, pod_labels};
use crate::runtime::containers::{Namespaces, PidNamespace, PortMapping, Protocol, SandboxSpec};

/// What Linux allows for a host's name.
const LONGEST_HOSTNAME: usize = 63;

/// The sandbox of a pod. `resolv_conf` is the host's.
pub fn sandbox_spec(pod: &Pod, node: NodeFacts, attempt: u32, resolv_conf: &str) -> SandboxSpec {
    let spec = pod.spec.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let host_network = is_host_network(pod);
    let sysctls = spec.security_context.iter().flat_map(|context| context.sysctls.iter().flatten());
    let pid = match (spec.host_pid, spec.share_process_namespace) {
        (Some(true), _) => PidNamespace::Host,
        (_, Some(true)) => PidNamespace::Sandbox,
        _ => PidNamespace::Container,
    };
    SandboxSpec {
        name: text(&pod.metadata.name),
        namespace: text(&pod.metadata.namespace),
        uid: text(&pod.metadata.uid),
        attempt,
        hostname: (!host_network).then(|| shown_hostname(pod, node)),
        dns: dns(pod, node, resolv_conf),
        ports: if host_network { Vec::new() } else { ports(pod) },
        namespaces: Namespaces { host_network, host_ipc: spec.host_ipc == Some(true), pid },
        sysctls: sysctls.map(|sysctl| (sysctl.name.clone(), sysctl.value.clone())).collect(),
        cgroup_parent: None,
        labels: pod.metadata.labels.clone().unwrap_or_default().into_iter().chain(pod_labels(pod, node.name)).collect(),
        annotations: pod.metadata.annotations.clone().unwrap_or_default(),
    }
}

pub fn is_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true)
}

/// The pod's short name on its network.
pub fn hostname(pod: &Pod, node: NodeFacts) -> String {
    if is_host_network(pod) {
        return node.name.to_owned();
    }
    let own = pod.spec.as_ref().and_then(|spec| spec.hostname_override.clone().or(spec.hostname.clone()));
    let mut name = own.filter(|name| !name.is_empty()).or(pod.metadata.name.clone()).unwrap_or_default();
    name.truncate(LONGEST_HOSTNAME);
    name.trim_end_matches(['-', '.']).to_owned()
}

/// What `hostname` prints in its containers: the full name, if the pod wants so.
fn shown_hostname(pod: &Pod, node: NodeFacts) -> String {
    let short = hostname(pod, node);
    let Some(spec) = pod.spec.as_ref().filter(|spec| spec.set_hostname_as_fqdn == Some(true)) else { return short };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    match &spec.subdomain {
        Some(subdomain) => format!("{short}.{subdomain}.{namespace}.svc.{}", node.cluster_domain),
        None => short,
    }
}

/// The host ports that a pod takes. Init containers have none while they run, sidecars do.
pub fn host_ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    let sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let spec = pod.spec.as_ref();
    let main = spec.into_iter().flat_map(|spec| &spec.containers);
    let sidecars = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten()).filter(sidecar);
    main.chain(sidecars).flat_map(|container| container.ports.iter().flatten()).filter(|port| port.host_port.is_some_and(|port| port > 0))
}

fn ports(pod: &Pod) -> Vec<PortMapping> {
    let number = |port: i32| u16::try_from(port).ok();
    let mapping = |port: &ContainerPort| {
        let protocol = match port.protocol.as_deref() {
            Some("UDP") => Protocol::Udp,
            Some("SCTP") => Protocol::Sctp,
            _ => Protocol::Tcp,
        };
        let host_ip = port.host_ip.as_ref().and_then(|ip| ip.parse().ok());
        Some(PortMapping { protocol, container_port: number(port.container_port)?, host_port: number(port.host_port?)?, host_ip })
    };
    host_ports(pod).filter_map(mapping).collect()
}

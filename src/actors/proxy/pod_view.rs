//! What the proxy reads of a Pod: the ports of its node that it takes.

use std::net::IpAddr;

use k8s_openapi::api::core::v1;

use super::service_view::{port, protocol};
use crate::actors::kubelet::{host_ports, is_host_network};
use crate::api::object::Object;
use crate::runtime::network::Protocol;

/// Where a pod is, and which ports of its node lead there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodView {
    pub node: String,
    /// None before it has a network, and of one that has ended.
    pub addresses: Vec<IpAddr>,
    /// None of a pod that is on its node's own network: it listens there itself.
    pub ports: Vec<HostPort>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// All addresses of the node if `None`.
    pub address: Option<IpAddr>,
    pub number: u16,
    /// At the pod's own address.
    pub container_port: u16,
    pub protocol: Protocol,
}

impl From<&Object> for PodView {
    fn from(object: &Object) -> Self {
        let Ok(pod) = object.parse::<v1::Pod>() else { return Self::default() };
        let ports = if is_host_network(&pod) { Vec::new() } else { host_ports(&pod).filter_map(HostPort::read).collect() };
        let status = pod.status.unwrap_or_default();
        let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let addresses = status.pod_ips.unwrap_or_default().into_iter().filter_map(|given| given.ip.parse().ok());
        Self {
            node: pod.spec.and_then(|spec| spec.node_name).unwrap_or_default(),
            addresses: if has_ended { Vec::new() } else { addresses.collect() },
            ports,
        }
    }
}

impl HostPort {
    fn read(given: &v1::ContainerPort) -> Option<Self> {
        let address = given.host_ip.as_ref().and_then(|ip| ip.parse().ok()).filter(|ip: &IpAddr| !ip.is_unspecified());
        Some(Self {
            address,
            number: port(given.host_port?)?,
            container_port: port(given.container_port)?,
            protocol: protocol(given.protocol.as_deref())?,
        })
    }
}

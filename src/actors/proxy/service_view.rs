//! What the proxy and the name server read of a Service.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1;

use crate::api::object::Object;
use crate::runtime::network::Protocol;

/// Services with this label are left to another proxy (`service.kubernetes.io/service-proxy-name`).
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";

/// How a service is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceView {
    /// None of a headless service, and of one that is only another name.
    pub cluster_ips: Vec<IpAddr>,
    /// `ExternalName`'s other name.
    pub external_name: Option<String>,
    pub ports: Vec<ServicePort>,
    /// How long a client stays with its endpoint after its last connection (`sessionAffinity: ClientIP`).
    pub affinity: Option<Duration>,
    /// `internalTrafficPolicy: Local`: what comes from within the cluster stays on its node.
    pub internal_local: bool,
    /// `externalTrafficPolicy: Local`: what comes from outside stays on its node.
    pub external_local: bool,
    /// It is ours to proxy.
    pub is_ours: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty if the service has only one.
    pub name: String,
    /// `None`: one that is not proxied (SCTP).
    pub protocol: Option<Protocol>,
    pub port: u16,
    pub node_port: Option<u16>,
}

/// As `protocol` names it; the default is TCP.
pub(super) fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name {
        None | Some("TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some(_) => None,
    }
}

/// A number that validation keeps in the range of ports; 0 stands for none.
pub(super) fn port(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

impl From<&Object> for ServiceView {
    fn from(object: &Object) -> Self {
        let Some(spec) = object.parse::<v1::Service>().ok().and_then(|service| service.spec) else { return Self::default() };
        let is_name = spec.type_.as_deref() == Some("ExternalName");
        let ips = spec.cluster_ips.filter(|ips| !ips.is_empty()).unwrap_or_else(|| spec.cluster_ip.into_iter().collect());
        let sticky = spec.session_affinity.as_deref() == Some("ClientIP");
        let seconds = spec.session_affinity_config.and_then(|config| config.client_ip).and_then(|client| client.timeout_seconds);
        Self {
            cluster_ips: if is_name { Vec::new() } else { ips.iter().filter_map(|ip| ip.parse().ok()).collect() },
            external_name: spec.external_name.filter(|_| is_name),
            ports: spec.ports.unwrap_or_default().into_iter().filter_map(ServicePort::read).collect(),
            affinity: sticky.then(|| Duration::from_secs(seconds.unwrap_or(10_800).max(0).unsigned_abs().into())),
            internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
            external_local: spec.external_traffic_policy.as_deref() == Some("Local"),
            is_ours: !object.labels().contains_key(OTHER_PROXY),
        }
    }
}

impl ServicePort {
    fn read(given: v1::ServicePort) -> Option<Self> {
        Some(Self {
            name: given.name.unwrap_or_default(),
            protocol: protocol(given.protocol.as_deref()),
            port: port(given.port)?,
            node_port: given.node_port.and_then(port),
        })
    }
}

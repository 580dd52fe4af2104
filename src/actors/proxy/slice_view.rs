//! What the proxy and the name server read of an EndpointSlice.

use std::net::IpAddr;

use k8s_openapi::api::discovery::v1;

use super::service_view::{port, protocol};
use crate::actors::informer::ObjectKey;
use crate::api::object::Object;
use crate::runtime::network::Protocol;

/// The label that says whose endpoints a slice has.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Some of a service's endpoints, and the ports at which they all listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceView {
    pub ports: Vec<SlicePort>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlicePort {
    /// The service port's name.
    pub name: String,
    pub protocol: Option<Protocol>,
    pub port: u16,
}

/// One place where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: IpAddr,
    pub condition: Condition,
    /// A pod's own name within a headless service.
    pub hostname: Option<String>,
    pub node: Option<String>,
}

/// Whether an endpoint is to be used (KEP-1669).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Ready,
    /// It terminates and still answers: better than nothing.
    ServingTerminating,
    NotReady,
}

/// The service whose endpoints a slice has, by its label.
pub fn service_of(slice: &Object) -> Option<ObjectKey> {
    slice.labels().get(SERVICE_NAME).map(|name| ObjectKey::new(slice.namespace(), name.as_str()))
}

impl From<&Object> for SliceView {
    fn from(object: &Object) -> Self {
        let Ok(slice) = object.parse::<v1::EndpointSlice>() else { return Self::default() };
        let read = |given: v1::EndpointPort| {
            let protocol = protocol(given.protocol.as_deref());
            Some(SlicePort { name: given.name.unwrap_or_default(), protocol, port: port(given.port?)? })
        };
        Self {
            ports: slice.ports.unwrap_or_default().into_iter().filter_map(read).collect(),
            endpoints: slice.endpoints.into_iter().filter_map(Endpoint::read).collect(),
        }
    }
}

impl Endpoint {
    /// Upstream's clients use the first address only, and so do we; a slice of names (`addressType: FQDN`) has none.
    fn read(given: v1::Endpoint) -> Option<Self> {
        let address = given.addresses.first()?.parse().ok()?;
        let conditions = given.conditions.unwrap_or_default();
        let is_ready = conditions.ready.unwrap_or(true);
        let condition = match (is_ready, conditions.serving.unwrap_or(is_ready), conditions.terminating.unwrap_or(false)) {
            (true, _, _) => Condition::Ready,
            (false, true, true) => Condition::ServingTerminating,
            _ => Condition::NotReady,
        };
        Some(Self { address, condition, hostname: given.hostname.filter(|name| !name.is_empty()), node: given.node_name })
    }
}

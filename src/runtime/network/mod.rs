//! The network of pods and services on this machine.

mod address_pool;
mod cidr;
mod links;
mod namespace;
mod pod_network;
mod routed;
mod rules;
mod service_namespace;
mod service_network;

pub use address_pool::AddressPool;
pub use cidr::{Cidr, InvalidCidr};
pub use namespace::NetworkNamespace;
pub use pod_network::{NetworkError, PodNetwork};
pub use routed::RoutedNetwork;
pub use service_namespace::ServiceNamespace;
pub use service_network::{NodeOnly, Place, Protocol, ServiceNetwork, unspecified};

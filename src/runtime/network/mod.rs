//! The network of pods and services on this machine.

mod address_pool;
mod cidr;
mod namespace;
mod pod_network;

pub use address_pool::AddressPool;
pub use cidr::{Cidr, InvalidCidr};
pub use namespace::NetworkNamespace;
pub use pod_network::{NetworkError, PodNetwork};

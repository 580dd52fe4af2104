//! The network of pods and services on this machine.

mod address_pool;
mod cidr;

pub use address_pool::AddressPool;
pub use cidr::{Cidr, InvalidCidr};

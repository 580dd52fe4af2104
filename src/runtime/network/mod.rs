//! The network of pods and services on this machine.

mod cidr;

pub use cidr::{Cidr, InvalidCidr};

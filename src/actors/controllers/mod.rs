//! The controllers: each a reconciler and its list of watched kinds, run by the same actor.

mod controller;
mod endpoints;
#[cfg(test)]
mod fixtures;
pub mod pod;
mod queue;
mod replication;
mod tools;

pub use controller::{Controller, Outcome, Reconciler, Watch};
pub use endpoints::{EndpointSlices, Endpoints, Mirroring};
pub use replication::Replication;
pub use tools::Tools;

//! What every actor stands on: supervision, time, chance, the store, containers and the network. Knows no Kubernetes type.

pub mod clock;
pub mod containers;
pub mod entropy;
pub mod flaw;
#[cfg(test)]
pub mod fuzz;
pub mod network;
pub mod recording;
pub mod shutdown;
pub mod store;
pub mod supervision;
pub mod watch;

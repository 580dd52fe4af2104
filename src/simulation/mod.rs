//! The whole cast over simulated time and nodes: the production actors, put together on one thread whose clock is paused.
//!
//! Architecture invariant: nothing here does what a part of the cast does. What differs from `kabuki up` is what the cast stands on: the
//! store is in memory and keeps a [`Journal`], containers are simulated, the proxy opens no sockets, time is tokio's and chance a seed.

mod cluster;
mod journal;
#[cfg(test)]
mod tests;

pub use cluster::{Cluster, Node, Setup, run};
pub use journal::{Journal, Line};

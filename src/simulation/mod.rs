//! The whole cast over simulated time and nodes: the production actors, put together on one thread whose clock is paused.
//!
//! Architecture invariant: nothing here does what a part of the cast does. What differs from `kabuki up` is what the cast stands on: the
//! store writes to a simulated [`Disk`], whose [`Journal`] is the run's event log; requests pass over a simulated [`Network`]; containers
//! are simulated; the proxy opens no sockets; time is tokio's and chance a seed.

mod cluster;
mod disk;
mod journal;
mod machines;
mod network;
mod process;
#[cfg(test)]
mod tests;

pub use cluster::{Cluster, Setup, run};
pub use disk::{Condition, Disk};
pub use journal::{Journal, Line};
pub use machines::{Machine, Machines};
pub use network::{Cut, Network, Weather};

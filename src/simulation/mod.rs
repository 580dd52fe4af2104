//! The whole cast over simulated time and nodes: the production actors, put together on one thread whose clock is paused.
//!
//! Architecture invariant: nothing here does what a part of the cast does. What differs from `kabuki up` is what the cast stands on: the
//! store writes to a simulated [`Disk`]; requests pass over a simulated [`Network`]; containers are simulated; the proxy opens no sockets;
//! time is tokio's and chance a seed. All that passes these places is written into the [`Journal`], the run's event log.

mod cluster;
mod coverage;
mod deeds;
mod disk;
mod invariants;
mod journal;
mod ledger;
mod machines;
mod network;
#[cfg(test)]
mod planted;
mod process;
mod rehearsal;
mod report;
mod scenario;
mod scene;
mod settled;
mod shrink;
mod statistics;
#[cfg(test)]
mod tests;
mod watchdog;

pub use cluster::{Cluster, Setup, run};
pub use coverage::{Blow, Covered, Site, coverage, table};
pub use deeds::{CatalogueEntry, Deed, Load, Span, Step, catalogue};
pub use disk::{Condition, Disk};
pub use invariants::{Broken, Invariant, Moment, Rest, Rule, RuleError, When};
pub use journal::{ContainerChange, Delivery, Entry, Event, Journal, Outcome, Request, Witness};
pub use machines::{Machine, Machines};
pub use network::{Disturbance, Effect, Network, Side, Trap};
pub use rehearsal::{Outcome as RunOutcome, Watching, rehearse};
pub use report::report;
pub use scenario::{Chaos, Nodes, Scenario, ScenarioError, Script};
pub use scene::{Details, PodView, Scene, View};
pub use shrink::shrink;
pub use statistics::{Latencies, Statistics};
pub use watchdog::Violation;

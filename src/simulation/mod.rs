//! The whole cast over simulated time and nodes: the production actors, put together on one thread whose clock is paused.
//!
//! Architecture invariant: nothing here does what a part of the cast does. What differs from `kabuki up` is what the cast stands on: the
//! store writes to a simulated [`Disk`], with its own engine or without; requests pass over a simulated [`Network`]; containers are simulated; the proxy opens no sockets;
//! time is tokio's and chance a seed. All that passes these places is written into the [`Journal`], the run's event log.

mod alarm;
mod cluster;
mod coverage;
mod deeds;
mod disk;
mod export;
mod focus;
mod halt;
mod invariants;
mod journal;
mod landing;
mod ledger;
mod machines;
mod network;
mod planes;
#[cfg(test)]
mod planted;
mod process;
mod rehearsal;
mod replay;
mod report;
mod scenario;
mod scene;
mod service;
mod settled;
mod shrink;
mod statistics;
#[cfg(test)]
mod tests;
mod trial;
mod watchdog;

pub use cluster::{Cluster, Setup, run};
pub use coverage::{Blow, Covered, Site, coverage, table};
pub use deeds::{CatalogueEntry, Deed, Load, Span, Step, Which, catalogue};
pub use disk::{Condition, Disk, Grain};
pub use export::Export;
pub use focus::{Focus, touching};
pub use halt::{Halt, Halted, Until};
pub use invariants::{Broken, Invariant, Moment, Rest, Rule, RuleError, When};
pub use journal::{ContainerChange, Delivery, Entry, Event, Journal, Outcome, Request, Witness};
pub use landing::{Fate, Landing, Landings};
pub use machines::{Hardware, Machine, Machines};
pub use network::{Disturbance, Effect, Network, Side, Trap};
pub use rehearsal::{Outcome as RunOutcome, Watching, rehearse};
pub use replay::{Difference, History, Plot, Replayed, replay};
pub use report::report;
pub use scenario::{Chaos, Nodes, Scenario, ScenarioError, Script};
pub use scene::{Details, PodView, Scene, View};
pub use service::serve;
pub use shrink::shrink;
pub use statistics::{Latencies, Statistics};
pub use trial::trial;
pub use watchdog::Violation;

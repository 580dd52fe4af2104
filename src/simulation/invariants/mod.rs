//! What must hold of every run, whatever is done to it. One file each.

mod bounds;
mod capacity;
mod cordons;
mod durability;
mod endpoints;
mod finalizers;
mod history;
mod identity;
mod owners;
mod pace;
mod panics;
mod placement;
mod replicas;
mod rule;
mod single;
mod supervision;
mod taints;
mod termination;
mod unique;
mod watches;

pub use rule::{Rule, RuleError, When};

use super::journal::Entry;
use super::machines::Machines;
use super::scene::{Change, Scene};
use crate::runtime::store::{Extent, Key};
use crate::runtime::supervision::Tree;

/// Something that must hold.
pub trait Invariant: Send {
    fn name(&self) -> &str;

    /// The document that promises it.
    fn source(&self) -> &str;

    /// Judges one thing that happened, at the moment it did.
    ///
    /// # Errors
    /// What was broken.
    fn see(&mut self, _moment: &Moment<'_>) -> Result<(), Broken> {
        Ok(())
    }

    /// Judges the cluster when it has come to rest: every fault is over, and the controllers have had their time.
    ///
    /// # Errors
    /// What was broken.
    fn rest(&mut self, _rest: &Rest<'_>) -> Result<(), Broken> {
        Ok(())
    }
}

/// Something that happened.
pub struct Moment<'a> {
    pub entry: &'a Entry,
    pub change: &'a Change,
    /// With the change in it.
    pub scene: &'a Scene,
}

/// A cluster at rest.
pub struct Rest<'a> {
    pub scene: &'a Scene,
    pub machines: &'a Machines,
    /// The supervision tree now.
    pub tree: &'a Tree,
    /// The paths of the supervision tree as it was founded.
    pub founded: &'a [String],
    pub history: Extent,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub what: String,
    /// The object that it is about.
    pub key: Option<Key>,
}

impl Broken {
    fn of(key: &Key, what: impl Into<String>) -> Self {
        Self { what: what.into(), key: Some(key.clone()) }
    }

    fn by_itself(what: impl Into<String>) -> Self {
        Self { what: what.into(), key: None }
    }
}

/// All that hold of every run.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<history::History>::default(),
        Box::<durability::Durability>::default(),
        Box::<watches::Watches>::default(),
        Box::<single::Single>::default(),
        Box::<placement::Placement>::default(),
        Box::<capacity::Capacity>::default(),
        Box::<cordons::Cordons>::default(),
        Box::<replicas::Replicas>::default(),
        Box::<unique::Unique>::default(),
        Box::<finalizers::Finalizers>::default(),
        Box::<identity::Identity>::default(),
        Box::<termination::Termination>::default(),
        Box::<endpoints::Endpoints>::default(),
        Box::<owners::Owners>::default(),
        Box::<taints::Taints>::default(),
        Box::<supervision::Supervision>::default(),
        Box::<bounds::HistoryBounds>::default(),
        Box::<panics::Panics>::default(),
        Box::<pace::Pace>::default(),
    ]
}

//! The controllers: each a reconciler and its list of watched kinds, run by the same actor.

mod controller;
mod queue;

pub use controller::{Controller, Outcome, Reconciler, Watch};

//! The kinds: one declaration each. Routing, discovery, tables, storage keys and watches follow from it.

mod cluster;
mod config;
mod event;
mod kind;
mod limits;
mod pod;
mod registry;
mod service;
mod storage;

pub use kind::{Cell, Column, Kind, KindRef, Scope, Selectable, Subresource, Traits, View, age, column, selectable};
pub use registry::Registry;

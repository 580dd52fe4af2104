//! The kinds: one declaration each. Routing, discovery, tables, storage keys and watches follow from it.

mod apps;
mod autoscaling;
mod batch;
mod admission_registration;
mod cells;
mod cluster;
mod column;
mod config;
mod defaults;
mod event;
mod extension;
pub(in crate::api) mod fields;
mod flow_control;
mod glance;
mod judges;
mod kind;
mod limits;
mod pod;
mod policy;
mod rbac;
mod registry;
mod service;
mod service_type;
mod storage;
mod strategy;

pub use column::{Cell, Column, age, column, computed, name};
pub use glance::glance;
pub use judges::{Judge, Judges, Verdict};
pub use kind::{Kind, KindRef, Scope, Selectable, Subresource, Synthesis, Traits, View, selectable};
pub use registry::Registry;

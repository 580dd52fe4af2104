//! The kinds: one declaration each. Routing, discovery, tables, storage keys and watches follow from it.

mod admission_registration;
mod apps;
mod autoscaling;
mod batch;
mod cells;
mod certificate;
mod cluster;
mod column;
mod config;
mod csi;
mod defaults;
mod device;
mod event;
mod extension;
pub(in crate::api) mod fields;
mod flow_control;
mod glance;
mod judges;
mod kind;
mod limits;
mod networking;
mod pod;
mod policy;
mod rbac;
mod registry;
mod runtime_class;
mod service;
mod service_type;
mod storage;
mod storage_class;
mod strategy;

pub use column::{Cell, Column, age, column, computed, name, since};
pub use glance::glance;
pub use judges::{Judge, Judges, Verdict};
pub use kind::{Kind, KindRef, Scope, Selectable, Subresource, Synthesis, Traits, View, selectable};
pub use registry::Registry;

//! Judgments on complete, typed objects: every wrong field named in one answer, in upstream's order and words.

pub mod access_review;
pub mod apps;
pub mod autoscaling;
pub mod batch;
pub mod cluster;
mod conditions;
pub mod config;
mod difference;
pub mod disruption_budget;
pub mod endpoints;
mod error_list;
pub mod event;
mod file_path;
pub mod format;
mod int_or_percent;
mod label_selector;
pub mod limits;
mod node_selector;
mod numbers;
pub mod object_meta;
mod path;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod replication_controller;
mod resources;
pub mod service;
mod volume_source;
mod words;

pub use error_list::{ErrorList, FieldError, FieldErrorKind, IMMUTABLE, Shown};
pub use object_meta::NameForm;
pub use path::Path;

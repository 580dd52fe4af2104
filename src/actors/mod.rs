//! The cast: every part of the cluster that acts, each an actor that speaks to [`crate::api::client::Client`] only.

pub mod backoff;
pub mod control_plane;
pub mod controllers;
pub mod dns;
pub mod events;
pub mod informer;
pub mod kubelet;
pub mod leader;
pub mod proxy;
pub mod scheduler;

//! Kabuki: a Kubernetes cluster in one binary, made of actix actors under supervision trees.
//!
//! The rooms, in the order in which they may use each other (`ARCHITECTURE.md`):
//! [`runtime`], [`api`], [`actors`], [`http`], [`simulation`], [`commands`].

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod actors;
pub mod api;
pub mod commands;
pub mod http;
pub mod runtime;
pub mod simulation;

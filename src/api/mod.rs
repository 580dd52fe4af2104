//! What objects are and what may be done to them. No actors, no HTTP.

pub mod admission;
pub(in crate::api) mod api_services;
pub(in crate::api) mod apply;
pub mod authorization;
pub mod bootstrap;
pub mod client;
pub mod custom;
pub(in crate::api) mod derived;
pub mod expression;
pub(in crate::api) mod flow_control;
#[cfg(test)]
mod fuzz;
pub mod kinds;
pub mod node_graph;
pub mod object;
pub mod openapi;
pub mod patch;
pub mod quantity;
pub mod quota;
pub mod remote;
pub mod schema;
pub mod secrecy;
pub mod selector;
pub mod status;
pub mod streams;
pub mod table;
pub mod tokens;
pub mod validation;
pub mod verbs;
pub mod yaml;

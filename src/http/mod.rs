//! The REST front: identity, authentication, routing, negotiation, streaming; one generic handler a verb. Decides nothing about objects.
//!
//! A request goes [`door::come_in`] -> [`front::answer`] -> [`authentication`] -> [`request::RequestInfo`] ->
//! [`authorization`](crate::api::authorization) -> [`verbs`], [`discovery`] or
//! [`health`] -> [`response`].

pub mod audit;
pub mod authentication;
mod body;
mod discovery;
pub mod door;
pub mod front;
#[cfg(test)]
mod fuzz;
mod health;
pub mod identity;
mod impersonation;
mod negotiation;
mod openapi;
mod options;
mod protobuf;
mod recording;
pub mod request;
mod response;
mod reviews;
pub mod server;
mod spdy;
mod streams;
mod verbs;
pub mod webhook_client;
mod why;

pub use door::Door;
pub use front::Front;
pub use server::ServerError;

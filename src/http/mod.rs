//! The REST front: identity, authentication, routing, negotiation, streaming; one generic handler a verb. Decides nothing about objects.
//!
//! A request goes [`door::come_in`] -> [`front::answer`] -> [`authentication`] -> [`request::RequestInfo`] -> [`authorization`] -> [`verbs`], [`discovery`] or
//! [`health`] -> [`response`].

pub mod authentication;
pub mod authorization;
mod body;
mod discovery;
pub mod door;
pub mod front;
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

pub use door::Door;
pub use front::Front;
pub use server::ServerError;

//! The REST front: identity, authentication, routing, negotiation, streaming; one generic handler a verb. Decides nothing about objects.

pub mod identity;

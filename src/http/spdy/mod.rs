//! As much of SPDY/3.1 as `kubectl port-forward` speaks inside its WebSocket (KEP-4006): the server's side of a connection on which the
//! client opens streams.

mod codec;
mod connection;
mod headers;

#[cfg(test)]
pub use codec::{Codec, Frame};
pub use connection::{Incoming, Outgoing, Stream, serve};

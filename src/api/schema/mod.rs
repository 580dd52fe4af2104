//! What the types of the API look like, and how a body becomes an object of one.
//!
//! [`Facts`] holds every field's type, list type and merge strategy, as a server publishes them, and whether Go writes it when it is
//! empty. On it stand [`decode`] (what Go's decoder and encoder would leave of a body) and [`finish`] (what the server always writes).

mod decode;
mod duplicates;
mod facts;
mod finish;
mod go;
mod places;
#[cfg(test)]
mod sample;
mod type_ref;
mod visit;

pub use decode::{Body, Decoded, Target, decode, decode_value};
pub(in crate::api) use decode::{examine, part};
pub use duplicates::duplicates;
pub use facts::{Facts, Field, ListType, Presence, Shape, Type};
pub use finish::finish;
pub use go::{go_type, json_type, written, written_finely};
#[cfg(test)]
pub use sample::sample;
pub use type_ref::{Schema, TypeRef};
pub(in crate::api) use visit::Dialect;

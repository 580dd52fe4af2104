//! The kinds: one declaration each. Routing, discovery, tables, storage keys and watches follow from it.

mod kind;
mod registry;

pub use kind::{Column, Kind, KindRef, Scope, Subresource, Traits, age, column};
pub use registry::Registry;

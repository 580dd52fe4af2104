//! Custom resources: what definitions (CustomResourceDefinition) declare, as kinds like all others
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>).
//!
//! A definition becomes one [`Kind`](super::kinds::Kind) for each version that is served. Its schema is compiled when the first object asks
//! for it, so that a definition that nobody uses costs its bytes.

mod columns;
mod decode;
mod default;
mod definition;
mod embedded;
mod format;
mod instances;
mod json_path;
mod lists;
mod prune;
mod registry;
mod rules;
mod scale;
mod schema;
mod value;

pub use columns::columns;
pub use decode::Known;
pub use definition::{CLEANUP, Names, Resource, kinds, stored};
pub use instances::Instances;
pub use registry::{COLLECTION, Definitions, changed};
pub use scale::Scale;
pub use schema::{Checks, Structural, Types, Values};
pub use value::judge;

//! Which objects are meant: by their labels, by their fields
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).

mod field;
mod label;
mod label_parser;

pub use field::{FieldRequirement, FieldSelector};
pub use label::{LabelRequirement, LabelSelector, Operator};

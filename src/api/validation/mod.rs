//! Judgments on complete, typed objects: every wrong field named in one answer.

mod error_list;
mod label;

pub use error_list::{ErrorList, FieldError, FieldErrorKind};
pub use label::{label_value_faults, qualified_name_faults};

//! Judgments on complete, typed objects: every wrong field named in one answer.

mod error_list;

pub use error_list::{ErrorList, FieldError, FieldErrorKind};

//! Which type an object is of: one that this server knows, or one that a definition declares.

use std::sync::Arc;

use crate::api::custom::Instances;

/// The type of a kind's objects.
#[derive(Clone, Debug)]
pub enum Schema {
    /// The type's name in the facts: `core.v1.Pod`.
    Known(&'static str),
    Custom(Arc<Instances>),
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum TypeRef<'a> {
    Known(&'a str),
    Custom(&'a Instances),
}

impl Schema {
    /// The type's name in the facts, if it is known.
    pub fn known(&self) -> Option<&'static str> {
        match self {
            Self::Known(name) => Some(name),
            Self::Custom(_) => None,
        }
    }
}

impl<'a> From<&'a Schema> for TypeRef<'a> {
    fn from(schema: &'a Schema) -> Self {
        match schema {
            Schema::Known(name) => Self::Known(name),
            Schema::Custom(instances) => Self::Custom(instances),
        }
    }
}

impl<'a> From<&'a str> for TypeRef<'a> {
    fn from(name: &'a str) -> Self {
        Self::Known(name)
    }
}

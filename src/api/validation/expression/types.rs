//! The types of CEL.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Null,
    Duration,
    Timestamp,
    /// Known when the expression runs.
    Dyn,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    /// A struct and its fields.
    Object(BTreeMap<String, Type>),
    /// What is not found out here.
    Unknown,
}

impl Type {
    pub fn list(item: Type) -> Self {
        Self::List(Box::new(item))
    }

    pub fn map(key: Type, value: Type) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    pub fn object<const N: usize>(fields: [(&str, Type); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect())
    }

    /// It may be of any type.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Dyn | Self::Unknown)
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// The type of what is of the one type or of the other; `None` if that makes no sense.
    pub fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => Some(known.clone()),
            (Self::Dyn, _) | (_, Self::Dyn) => Some(Self::Dyn),
            (Self::List(a), Self::List(b)) => Some(Self::list(a.join(b)?)),
            (Self::Map(a, x), Self::Map(b, y)) => Some(Self::map(a.join(b)?, x.join(y)?)),
            (Self::Null, nullable @ (Self::Object(_) | Self::Duration | Self::Timestamp))
            | (nullable @ (Self::Object(_) | Self::Duration | Self::Timestamp), Self::Null) => Some(nullable.clone()),
            (a, b) => (a == b).then(|| a.clone()),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Null => f.write_str("null_type"),
            Self::Duration => f.write_str("google.protobuf.Duration"),
            Self::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Self::Dyn | Self::Unknown => f.write_str("dyn"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Object(_) => f.write_str("object"),
        }
    }
}

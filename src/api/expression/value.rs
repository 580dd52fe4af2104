//! The values of CEL. What comes from an object is borrowed from its JSON; only what an expression makes is its own.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::authority::Question;
use super::functions::{format::Format, semver::Version, url::Url};
use crate::api::quantity::Quantity;

#[derive(Clone, Debug)]
pub enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Text<'a>),
    Bytes(Arc<[u8]>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    List(List<'a>),
    Map(Entries<'a>),
    /// A type, by its name.
    Type(&'static str),
    Optional(Option<Arc<Val<'a>>>),
    Quantity(Quantity),
    Ip(IpAddr),
    /// An address and the length of its prefix.
    Cidr(IpAddr, u8),
    Url(Arc<Url>),
    Semver(Arc<Version>),
    Format(&'static Format),
    /// A question to the authorizer, as far as it has been asked.
    Question(Arc<Question<'a>>),
    /// The authorizer's answer: whether it allows, why, and what went wrong.
    Verdict(Arc<(bool, String, Option<String>)>),
}

/// A text that is shared, or another's.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

#[derive(Clone, Debug)]
pub enum List<'a> {
    Json(&'a [Value]),
    Own(Arc<[Val<'a>]>),
}

impl<'a> List<'a> {
    pub(in crate::api) fn len(&self) -> usize {
        match self {
            Self::Json(list) => list.len(),
            Self::Own(list) => list.len(),
        }
    }

    pub fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(list) => list.get(index).map(Val::of),
            Self::Own(list) => list.get(index).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Val<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// What a map's values are found by. Numbers of one value are one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKey {
    Bool(bool),
    Number(i128),
    Text(Arc<str>),
}

#[derive(Clone, Debug)]
pub enum Entries<'a> {
    Json(&'a Map<String, Value>),
    Own(Arc<BTreeMap<MapKey, Val<'a>>>),
}

impl<'a> Entries<'a> {
    pub(in crate::api) fn len(&self) -> usize {
        match self {
            Self::Json(map) => map.len(),
            Self::Own(map) => map.len(),
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Json(map) => map.get(name).map(Val::of),
            Self::Own(map) => map.get(&MapKey::Text(name.into())).cloned(),
        }
    }

    /// The value at a key; a value that is no key is at none.
    pub fn get(&self, key: &Val) -> Option<Val<'a>> {
        match (self, key) {
            (_, Val::Text(name)) => self.field(name),
            (Self::Json(_), _) => None,
            (Self::Own(map), key) => map.get(&key.as_key()?).cloned(),
        }
    }

    pub fn keys(&self) -> Vec<Val<'a>> {
        match self {
            Self::Json(map) => map.keys().map(|key| Val::Text(Text::Borrowed(key))).collect(),
            Self::Own(map) => map.keys().map(MapKey::value).collect(),
        }
    }
}

impl MapKey {
    fn value<'a>(&self) -> Val<'a> {
        match self {
            Self::Bool(truth) => Val::Bool(*truth),
            Self::Number(number) => match i64::try_from(*number) {
                Ok(number) => Val::Int(number),
                Err(_) => Val::Uint(*number as u64),
            },
            Self::Text(text) => Val::Text(Text::Shared(text.clone())),
        }
    }
}

impl<'a> Val<'a> {
    /// A value of JSON; a number is an integer if it is written as one.
    pub fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Uint(number),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Text(Text::Borrowed(text)),
            Value::Array(list) => Self::List(List::Json(list)),
            Value::Object(map) => Self::Map(Entries::Json(map)),
        }
    }

    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(Text::Shared(text.into()))
    }

    pub fn list(items: Vec<Val<'a>>) -> Self {
        Self::List(List::Own(items.into()))
    }

    pub fn map(entries: BTreeMap<MapKey, Val<'a>>) -> Self {
        Self::Map(Entries::Own(Arc::new(entries)))
    }

    pub fn some(value: Val<'a>) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_key(&self) -> Option<MapKey> {
        match self {
            Self::Bool(truth) => Some(MapKey::Bool(*truth)),
            Self::Int(number) => Some(MapKey::Number((*number).into())),
            Self::Uint(number) => Some(MapKey::Number((*number).into())),
            Self::Double(number) if number.fract() == 0.0 => Some(MapKey::Number(*number as i128)),
            Self::Text(text) => Some(MapKey::Text((**text).into())),
            _ => None,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Ip(_) => "net.IP",
            Self::Cidr(..) => "net.CIDR",
            Self::Url(_) => "kubernetes.URL",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Format(_) => "kubernetes.NamedFormat",
            Self::Question(_) => "kubernetes.authorization.Authorizer",
            Self::Verdict(_) => "kubernetes.authorization.Decision",
        }
    }

    /// How large it is, as costs are counted: characters, bytes, items; 1 for what has no parts.
    pub fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::List(list) => list.len() as u64,
            Self::Map(map) => map.len() as u64,
            _ => 1,
        }
    }

    /// The order of two values that have one.
    pub fn compare(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
            (Val::Text(a), Val::Text(b)) => Some((**a).cmp(&**b)),
            (Val::Bytes(a), Val::Bytes(b)) => Some(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
            (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
            (Val::Quantity(a), Val::Quantity(b)) => Some(a.cmp(b)),
            (Val::Semver(a), Val::Semver(b)) => Some(a.cmp(b)),
            (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
            (Val::Double(a), b) => a.partial_cmp(&(b.integer()? as f64)),
            (a, Val::Double(b)) => (a.integer()? as f64).partial_cmp(b),
            (a, b) => Some(Ord::cmp(&a.integer()?, &b.integer()?)),
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some((*number).into()),
            Self::Uint(number) => Some((*number).into()),
            _ => None,
        }
    }
}

/// CEL's equality: numbers by their value, other things of two types are different.
impl PartialEq for Val<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a == b),
            (Self::Map(Entries::Json(a)), Self::Map(Entries::Json(b))) if std::ptr::eq(*a, *b) => true,
            (Self::Map(a), Self::Map(b)) => a.len() == b.len() && a.keys().iter().all(|key| a.get(key) == b.get(key)),
            (Self::Type(a), Self::Type(b)) => a == b,
            (Self::Optional(a), Self::Optional(b)) => a == b,
            (Self::Ip(a), Self::Ip(b)) => a == b,
            (Self::Cidr(a, n), Self::Cidr(b, m)) => (a, n) == (b, m),
            (Self::Url(a), Self::Url(b)) => a == b,
            (Self::Format(a), Self::Format(b)) => std::ptr::eq(*a, *b),
            (a, b) => a.compare(b) == Some(Ordering::Equal),
        }
    }
}

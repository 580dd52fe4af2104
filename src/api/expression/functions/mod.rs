//! What can be called: CEL's own functions and Kubernetes' libraries (`k8s.io/apiserver/pkg/cel/environment`, as of v1.35).

mod authority;
mod conversion;
pub(super) mod format;
mod list;
mod network;
mod operator;
mod optional;
mod quantity;
pub(super) mod semver;
mod text;
mod time;
pub(super) mod url;

use super::Fault;
use super::value::Val;

/// What functions give.
type Outcome<'a> = Result<Val<'a>, Fault>;
type Body = for<'a> fn(&[Val<'a>]) -> Outcome<'a>;

/// A function: `name` for `name(x)`, `.name` for `x.name()`, `space.name` for `space.name(x)`. What it is called on comes first.
#[derive(Debug)]
pub struct Function {
    name: &'static str,
    pub price: Price,
    pub body: Body,
}

const fn function(name: &'static str, price: Price, body: Body) -> Function {
    Function { name, price, body }
}

/// How the cost of a call is counted.
#[derive(Clone, Copy, Debug)]
pub enum Price {
    One,
    /// A tenth of the first argument is looked at a time.
    First,
    /// The same for the second.
    Second,
    /// Both, as far as the shorter goes.
    Shorter,
    /// A tenth of both together: they are copied.
    Sum,
    /// The one for each part of the other.
    Product,
    /// Each item of the first.
    Items,
    /// Each item of the second.
    ItemsOfSecond,
    /// Each item of the one with each of the other.
    Pairs,
    Fixed(u64),
}

impl Price {
    pub fn of(self, arguments: &[Val]) -> u64 {
        let size = |index: usize| arguments.get(index).map_or(1, Val::size);
        let is_long = |index: usize| matches!(arguments.get(index), Some(Val::Text(_) | Val::Bytes(_) | Val::List(_) | Val::Map(_)));
        match self {
            Self::One => 1,
            Self::First => tenth(size(0)),
            Self::Second => tenth(size(1)),
            Self::Shorter if is_long(0) && is_long(1) => tenth(deep(&arguments[0], 0).min(deep(&arguments[1], 0))),
            Self::Sum if is_long(0) => tenth(size(0) + size(1)),
            Self::Shorter | Self::Sum => 1,
            Self::Product => tenth(size(0)).saturating_mul(tenth(size(1))),
            Self::Items => size(0).max(1),
            Self::ItemsOfSecond => size(1).max(1),
            Self::Pairs => size(0).saturating_mul(size(1)).max(1),
            Self::Fixed(amount) => amount,
        }
    }
}

/// A tenth, rounded up, and never nothing.
fn tenth(size: u64) -> u64 {
    size.div_ceil(10).max(1)
}

/// How much there is to compare, however deep it lies.
fn deep(value: &Val, depth: usize) -> u64 {
    match value {
        _ if depth > 32 => 1,
        Val::List(list) => list.iter().map(|item| deep(&item, depth + 1)).sum::<u64>() + 1,
        Val::Map(map) => map.keys().iter().map(|key| key.size() + map.get(key).map_or(0, |value| deep(&value, depth + 1))).sum::<u64>() + 1,
        value => value.size(),
    }
}

pub fn find(name: &str) -> Option<&'static Function> {
    let tables = [
        operator::FUNCTIONS,
        conversion::FUNCTIONS,
        text::FUNCTIONS,
        list::FUNCTIONS,
        time::FUNCTIONS,
        optional::FUNCTIONS,
        url::FUNCTIONS,
        network::FUNCTIONS,
        quantity::FUNCTIONS,
        semver::FUNCTIONS,
        format::FUNCTIONS,
        authority::FUNCTIONS,
    ];
    tables.into_iter().flatten().find(|function| function.name == name)
}

/// The answer where no signature fits.
fn no_overload<'a>() -> Outcome<'a> {
    Err(Fault::NoSuchOverload)
}

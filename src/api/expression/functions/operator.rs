//! Operators that evaluate both sides.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::{List, Text, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    function("_+_", Price::Sum, add),
    function("_-_", Price::One, subtract),
    function("_*_", Price::One, multiply),
    function("_/_", Price::One, divide),
    function("_%_", Price::One, modulo),
    function("-_", Price::One, negate),
    function("_==_", Price::Shorter, |pair| Ok(Val::Bool(pair[0] == pair[1]))),
    function("_!=_", Price::Shorter, |pair| Ok(Val::Bool(pair[0] != pair[1]))),
    function("_<_", Price::Shorter, |pair| ordered(pair, Ordering::is_lt)),
    function("_<=_", Price::Shorter, |pair| ordered(pair, Ordering::is_le)),
    function("_>_", Price::Shorter, |pair| ordered(pair, Ordering::is_gt)),
    function("_>=_", Price::Shorter, |pair| ordered(pair, Ordering::is_ge)),
    function("@in", Price::ItemsOfSecond, within),
];

fn ordered<'a>(pair: &[Val<'a>], holds: fn(Ordering) -> bool) -> Outcome<'a> {
    match pair {
        // What CEL gives an order by operators; quantities and versions have functions.
        [Val::Quantity(_) | Val::Semver(_), _] => no_overload(),
        [Val::Double(a), b] if a.is_nan() && b.compare(&Val::Double(0.0)).is_some() => Ok(Val::Bool(false)),
        [a, Val::Double(b)] if b.is_nan() && a.compare(&Val::Double(0.0)).is_some() => Ok(Val::Bool(false)),
        [a, b] => a.compare(b).map(|order| Val::Bool(holds(order))).ok_or(Fault::NoSuchOverload),
        _ => no_overload(),
    }
}

fn within<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [item, Val::List(list)] => Ok(Val::Bool(list.iter().any(|other| other == *item))),
        [key, Val::Map(map)] => Ok(Val::Bool(map.get(key).is_some())),
        _ => no_overload(),
    }
}

fn whole<'a>(number: Option<i64>, kind: &str) -> Outcome<'a> {
    number.map(Val::Int).ok_or_else(|| Fault::new(kind))
}

fn natural<'a>(number: Option<u64>, kind: &str) -> Outcome<'a> {
    number.map(Val::Uint).ok_or_else(|| Fault::new(kind))
}

const OVERFLOW: &str = "integer overflow";
const UNSIGNED: &str = "unsigned integer overflow";

pub(super) fn add<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [Val::Int(a), Val::Int(b)] => whole(a.checked_add(*b), OVERFLOW),
        [Val::Uint(a), Val::Uint(b)] => natural(a.checked_add(*b), UNSIGNED),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a + b)),
        [Val::Text(a), Val::Text(b)] => Ok(joined(a, b)),
        [Val::Bytes(a), Val::Bytes(b)] => Ok(Val::Bytes([&**a, &**b].concat().into())),
        [Val::List(a), Val::List(b)] => Ok(Val::List(List::Own(a.iter().chain(b.iter()).collect::<Arc<[_]>>()))),
        [Val::Timestamp(at), Val::Duration(by)] | [Val::Duration(by), Val::Timestamp(at)] => {
            at.checked_add(*by).map(Val::Timestamp).map_err(|_| Fault::new("timestamp overflow"))
        }
        [Val::Duration(a), Val::Duration(b)] => a.checked_add(*b).map(Val::Duration).ok_or_else(|| Fault::new("duration overflow")),
        _ => no_overload(),
    }
}

fn joined<'a>(a: &Text, b: &Text) -> Val<'a> {
    Val::text([&**a, &**b].concat())
}

fn subtract<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [Val::Int(a), Val::Int(b)] => whole(a.checked_sub(*b), OVERFLOW),
        [Val::Uint(a), Val::Uint(b)] => natural(a.checked_sub(*b), UNSIGNED),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a - b)),
        [Val::Timestamp(at), Val::Duration(by)] => at.checked_sub(*by).map(Val::Timestamp).map_err(|_| Fault::new("timestamp overflow")),
        [Val::Timestamp(a), Val::Timestamp(b)] => Ok(Val::Duration(a.duration_since(*b))),
        [Val::Duration(a), Val::Duration(b)] => a.checked_sub(*b).map(Val::Duration).ok_or_else(|| Fault::new("duration overflow")),
        _ => no_overload(),
    }
}

fn multiply<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [Val::Int(a), Val::Int(b)] => whole(a.checked_mul(*b), OVERFLOW),
        [Val::Uint(a), Val::Uint(b)] => natural(a.checked_mul(*b), UNSIGNED),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a * b)),
        _ => no_overload(),
    }
}

fn divide<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [Val::Int(_), Val::Int(0)] | [Val::Uint(_), Val::Uint(0)] => Err(Fault::new("division by zero")),
        [Val::Int(a), Val::Int(b)] => whole(a.checked_div(*b), OVERFLOW),
        [Val::Uint(a), Val::Uint(b)] => natural(a.checked_div(*b), UNSIGNED),
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(a / b)),
        _ => no_overload(),
    }
}

fn modulo<'a>(pair: &[Val<'a>]) -> Outcome<'a> {
    match pair {
        [Val::Int(_), Val::Int(0)] | [Val::Uint(_), Val::Uint(0)] => Err(Fault::new("modulus by zero")),
        [Val::Int(a), Val::Int(b)] => whole(a.checked_rem(*b), OVERFLOW),
        [Val::Uint(a), Val::Uint(b)] => natural(a.checked_rem(*b), UNSIGNED),
        _ => no_overload(),
    }
}

fn negate<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Int(a)] => whole(a.checked_neg(), OVERFLOW),
        [Val::Double(a)] => Ok(Val::Double(-a)),
        [Val::Duration(a)] => a.checked_neg().map(Val::Duration).ok_or_else(|| Fault::new("duration overflow")),
        _ => no_overload(),
    }
}

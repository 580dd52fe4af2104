//! Amounts of resources (`k8s.io/apiserver/pkg/cel/library/quantity.go`).

use std::cmp::Ordering;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;
use crate::api::quantity::{Format, Quantity};

pub(super) const FUNCTIONS: &[Function] = &[
    function("isQuantity", Price::First, |of| match of {
        [Val::Text(text)] => Ok(Val::Bool(text.parse::<Quantity>().is_ok())),
        _ => no_overload(),
    }),
    function("quantity", Price::First, |of| match of {
        [Val::Text(text)] => text.parse().map(Val::Quantity).map_err(|error| Fault::new(format!("{error}"))),
        _ => no_overload(),
    }),
    function(".sign", Price::One, |of| match of {
        [Val::Quantity(amount)] if amount.is_zero() => Ok(Val::Int(0)),
        [Val::Quantity(amount)] => Ok(Val::Int(if amount.is_negative() { -1 } else { 1 })),
        _ => no_overload(),
    }),
    function(".isInteger", Price::One, |of| match of {
        [Val::Quantity(amount)] => Ok(Val::Bool(is_whole(amount))),
        _ => no_overload(),
    }),
    function(".asInteger", Price::One, |of| match of {
        [Val::Quantity(amount)] if is_whole(amount) => Ok(Val::Int(amount.value())),
        [Val::Quantity(_)] => Err(Fault::new("cannot convert value to integer")),
        _ => no_overload(),
    }),
    function(".asApproximateFloat", Price::One, |of| match of {
        [Val::Quantity(amount)] if is_whole(amount) => Ok(Val::Double(amount.value() as f64)),
        [Val::Quantity(amount)] => Ok(Val::Double(amount.milli_value() as f64 / 1000.0)),
        _ => no_overload(),
    }),
    function(".add", Price::One, |of| sum(of, |a, b| *a + b)),
    function(".sub", Price::One, |of| sum(of, |a, b| *a - b)),
    function(".compareTo", Price::One, |of| ordered(of, |order| Val::Int(order as i64))),
    function(".isGreaterThan", Price::One, |of| ordered(of, |order| Val::Bool(order.is_gt()))),
    function(".isLessThan", Price::One, |of| ordered(of, |order| Val::Bool(order.is_lt()))),
];

fn is_whole(amount: &Quantity) -> bool {
    *amount == Quantity::from_value(amount.value(), Format::DecimalSi)
}

fn sum<'a>(of: &[Val<'a>], total: fn(&Quantity, Quantity) -> Quantity) -> Outcome<'a> {
    match of {
        [Val::Quantity(a), Val::Quantity(b)] => Ok(Val::Quantity(total(a, *b))),
        [Val::Quantity(a), Val::Int(b)] => Ok(Val::Quantity(total(a, Quantity::from_value(*b, a.format())))),
        _ => no_overload(),
    }
}

/// The order of two quantities, or of two versions.
fn ordered<'a>(of: &[Val<'a>], give: fn(Ordering) -> Val<'a>) -> Outcome<'a> {
    match of {
        [a @ Val::Quantity(_), b @ Val::Quantity(_)] | [a @ Val::Semver(_), b @ Val::Semver(_)] => {
            a.compare(b).map(give).ok_or(Fault::NoSuchOverload)
        }
        _ => no_overload(),
    }
}

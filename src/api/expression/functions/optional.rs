//! What may be missing.

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    function("optional.of", Price::One, |of| of.first().cloned().map(Val::some).ok_or(Fault::NoSuchOverload)),
    function("optional.none", Price::One, |_| Ok(Val::Optional(None))),
    function("optional.ofNonZeroValue", Price::One, of_non_zero),
    function(".hasValue", Price::One, |of| match of {
        [Val::Optional(value)] => Ok(Val::Bool(value.is_some())),
        _ => no_overload(),
    }),
    function(".value", Price::One, |of| match of {
        [Val::Optional(Some(value))] => Ok((**value).clone()),
        [Val::Optional(None)] => Err(Fault::new("optional.none() dereference")),
        _ => no_overload(),
    }),
    function(".or", Price::One, |of| match of {
        [Val::Optional(None), Val::Optional(_)] => Ok(of[1].clone()),
        [Val::Optional(_), _] => Ok(of[0].clone()),
        _ => no_overload(),
    }),
    function(".orValue", Price::One, |of| match of {
        [Val::Optional(None), other] => Ok(other.clone()),
        [Val::Optional(Some(value)), _] => Ok((**value).clone()),
        _ => no_overload(),
    }),
];

fn of_non_zero<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [value] = of else { return no_overload() };
    let is_zero = match value {
        Val::Null => true,
        Val::Bool(truth) => !truth,
        Val::Int(_) | Val::Uint(_) | Val::Double(_) => *value == Val::Int(0),
        Val::Text(_) | Val::Bytes(_) | Val::List(_) | Val::Map(_) => value.size() == 0,
        Val::Optional(inner) => inner.is_none(),
        _ => false,
    };
    Ok(if is_zero { Val::Optional(None) } else { Val::some(value.clone()) })
}

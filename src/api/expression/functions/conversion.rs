//! From one type to another.

use super::time;
use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    function("size", Price::One, size),
    function(".size", Price::One, size),
    function("type", Price::One, |of| Ok(Val::Type(of[0].type_name()))),
    function("dyn", Price::One, |of| of.first().cloned().ok_or(Fault::NoSuchOverload)),
    function("int", Price::One, int),
    function("uint", Price::One, uint),
    function("double", Price::One, double),
    function("bool", Price::One, bool),
    function("string", Price::First, string),
    function("bytes", Price::First, bytes),
];

fn size<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Text(text)] => Ok(Val::Int(text.chars().count() as i64)),
        [Val::Bytes(bytes)] => Ok(Val::Int(bytes.len() as i64)),
        [Val::List(list)] => Ok(Val::Int(list.len() as i64)),
        [Val::Map(map)] => Ok(Val::Int(map.len() as i64)),
        _ => no_overload(),
    }
}

fn int<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let number = match of {
        [Val::Int(number)] => Some(*number),
        [Val::Uint(number)] => i64::try_from(*number).ok(),
        [Val::Double(number)] if number.abs() < i64::MAX as f64 => Some(*number as i64),
        [Val::Double(_)] => None,
        [Val::Timestamp(at)] => Some(at.as_second()),
        [Val::Duration(by)] => i64::try_from(by.as_nanos()).ok(),
        [Val::Text(text)] => {
            let number = text.parse().map_err(|_| Fault::new(format!("strconv.ParseInt: parsing {:?}: invalid syntax", &**text)))?;
            Some(number)
        }
        _ => return no_overload(),
    };
    number.map(Val::Int).ok_or_else(|| Fault::new("integer overflow"))
}

fn uint<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let number = match of {
        [Val::Uint(number)] => Some(*number),
        [Val::Int(number)] => u64::try_from(*number).ok(),
        [Val::Double(number)] if (0.0..u64::MAX as f64).contains(number) => Some(*number as u64),
        [Val::Double(_)] => None,
        [Val::Text(text)] => {
            let number = text.parse().map_err(|_| Fault::new(format!("strconv.ParseUint: parsing {:?}: invalid syntax", &**text)))?;
            Some(number)
        }
        _ => return no_overload(),
    };
    number.map(Val::Uint).ok_or_else(|| Fault::new("unsigned integer overflow"))
}

fn double<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Double(number)] => Ok(Val::Double(*number)),
        [Val::Int(number)] => Ok(Val::Double(*number as f64)),
        [Val::Uint(number)] => Ok(Val::Double(*number as f64)),
        [Val::Text(text)] => {
            let number = text.parse().map_err(|_| Fault::new(format!("strconv.ParseFloat: parsing {:?}: invalid syntax", &**text)))?;
            Ok(Val::Double(number))
        }
        _ => no_overload(),
    }
}

fn bool<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Bool(truth)] => Ok(Val::Bool(*truth)),
        [Val::Text(text)] => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Val::Bool(false)),
            other => Err(Fault::new(format!("strconv.ParseBool: parsing {other:?}: invalid syntax"))),
        },
        _ => no_overload(),
    }
}

fn bytes<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Bytes(bytes)] => Ok(Val::Bytes(bytes.clone())),
        [Val::Text(text)] => Ok(Val::Bytes(text.as_bytes().into())),
        _ => no_overload(),
    }
}

fn string<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [of] = of else { return no_overload() };
    match of {
        Val::Text(_) => Ok(of.clone()),
        Val::Bytes(bytes) => {
            std::str::from_utf8(bytes).map(Val::text).map_err(|_| Fault::new("invalid UTF-8 in bytes, cannot convert to string"))
        }
        of => plain(of).map(Val::text).ok_or(Fault::NoSuchOverload),
    }
}

/// A value as a text; `None` for what has no such form.
pub(super) fn plain(value: &Val) -> Option<String> {
    Some(match value {
        Val::Text(text) => text.to_string(),
        Val::Bool(truth) => truth.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Uint(number) => number.to_string(),
        Val::Double(number) => number.to_string(),
        Val::Duration(by) => time::seconds(*by),
        Val::Timestamp(at) => at.to_string(),
        Val::Type(name) => (*name).to_owned(),
        Val::Ip(address) => address.to_string(),
        Val::Cidr(address, prefix) => format!("{address}/{prefix}"),
        Val::Url(url) => url.text.clone(),
        Val::Semver(version) => version.to_string(),
        Val::Quantity(quantity) => quantity.to_string(),
        Val::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => return None,
    })
}

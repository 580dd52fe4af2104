//! Points in time, and how long.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    function("timestamp", Price::One, timestamp),
    function("duration", Price::One, duration),
    function(".getFullYear", Price::One, |of| part(of, |at| at.year().into())),
    function(".getMonth", Price::One, |of| part(of, |at| i64::from(at.month()) - 1)),
    function(".getDayOfYear", Price::One, |of| part(of, |at| i64::from(at.day_of_year()) - 1)),
    function(".getDayOfMonth", Price::One, |of| part(of, |at| i64::from(at.day()) - 1)),
    function(".getDate", Price::One, |of| part(of, |at| at.day().into())),
    function(".getDayOfWeek", Price::One, |of| part(of, |at| at.weekday().to_sunday_zero_offset().into())),
    function(".getHours", Price::One, |of| either(of, |at| at.hour().into(), |by| by.as_hours())),
    function(".getMinutes", Price::One, |of| either(of, |at| at.minute().into(), |by| by.as_mins())),
    function(".getSeconds", Price::One, |of| either(of, |at| at.second().into(), |by| by.as_secs())),
    function(".getMilliseconds", Price::One, |of| either(of, |at| at.millisecond().into(), |by| i64::from(by.subsec_millis()))),
];

fn timestamp<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Timestamp(at)] => Ok(Val::Timestamp(*at)),
        [Val::Int(seconds)] => Timestamp::from_second(*seconds).map(Val::Timestamp).map_err(|_| Fault::new("timestamp overflow")),
        [Val::Text(text)] => {
            let parsed = text.parse().map(Val::Timestamp);
            parsed.map_err(|_| Fault::new(format!("parsing time {:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse", &**text)))
        }
        _ => no_overload(),
    }
}

fn duration<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    match of {
        [Val::Duration(by)] => Ok(Val::Duration(*by)),
        [Val::Int(nanoseconds)] => Ok(Val::Duration(SignedDuration::from_nanos(*nanoseconds))),
        [Val::Text(text)] => parse(text).map(Val::Duration).ok_or_else(|| Fault::new(format!("time: invalid duration {:?}", &**text))),
        _ => no_overload(),
    }
}

/// A duration as Go writes one: `1h30m`, `-1.5s`, `300ms`.
fn parse(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let amount: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        nanoseconds += amount * unit;
        rest = &rest[end..];
    }
    let is_possible = !text.is_empty() && nanoseconds < i64::MAX as f64;
    is_possible.then(|| SignedDuration::from_nanos((sign * nanoseconds) as i64))
}

/// A duration as CEL writes one: in seconds.
pub(super) fn seconds(by: SignedDuration) -> String {
    let fraction = by.subsec_nanos().unsigned_abs();
    let sign = if by.is_negative() { "-" } else { "" };
    let whole = by.as_secs().unsigned_abs();
    if fraction == 0 {
        return format!("{sign}{whole}s");
    }
    format!("{sign}{whole}.{}s", format!("{fraction:09}").trim_end_matches('0'))
}

/// A time on the clock of a place; of UTC if none is named.
fn at_place(of: &[Val]) -> Result<Option<Zoned>, Fault> {
    let (Some(Val::Timestamp(at)), place) = (of.first(), of.get(1)) else { return Ok(None) };
    let zone = match place {
        None => TimeZone::UTC,
        Some(Val::Text(name)) => zone(name).ok_or_else(|| Fault::new(format!("unknown time zone {}", &**name)))?,
        Some(_) => return Ok(None),
    };
    Ok(Some(at.to_zoned(zone)))
}

fn zone(name: &str) -> Option<TimeZone> {
    let (sign, digits) = match name.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => (1, name),
    };
    if let Some((hours, minutes)) = digits.split_once(':') {
        let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
        return Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed);
    }
    TimeZone::get(name).ok()
}

fn part<'a>(of: &[Val<'a>], read: fn(&Zoned) -> i64) -> Outcome<'a> {
    at_place(of)?.map(|at| Val::Int(read(&at))).ok_or(Fault::NoSuchOverload)
}

fn either<'a>(of: &[Val<'a>], read: fn(&Zoned) -> i64, count: fn(&SignedDuration) -> i64) -> Outcome<'a> {
    match of {
        [Val::Duration(by)] => Ok(Val::Int(count(by))),
        of => part(of, read),
    }
}

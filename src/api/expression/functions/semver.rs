//! Semantic versions (`k8s.io/apiserver/pkg/cel/library/semver.go`).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    function("isSemver", Price::First, |of| Ok(Val::Bool(parse(of)?.is_ok()))),
    function("semver", Price::First, |of| parse(of)?.map(|version| Val::Semver(Arc::new(version))).map_err(Fault::new)),
    function(".major", Price::One, |of| number(of, 0)),
    function(".minor", Price::One, |of| number(of, 1)),
    function(".patch", Price::One, |of| number(of, 2)),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    pre: Vec<String>,
    build: String,
}

fn number<'a>(of: &[Val<'a>], place: usize) -> Outcome<'a> {
    match of {
        [Val::Semver(version)] => Ok(Val::Int(version.numbers[place] as i64)),
        _ => no_overload(),
    }
}

fn parse(of: &[Val]) -> Result<Result<Version, String>, Fault> {
    match of {
        [Val::Text(text)] => Ok(Version::parse(text)),
        [Val::Text(text), Val::Bool(true)] => Ok(Version::parse(&normalised(text))),
        [Val::Text(text), Val::Bool(false)] => Ok(Version::parse(text)),
        _ => Err(Fault::NoSuchOverload),
    }
}

/// Without a `v` and leading zeros, and with all three numbers.
fn normalised(text: &str) -> String {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let trimmed = |part: &str| match part.trim_start_matches('0') {
        "" if !part.is_empty() => "0".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    let mut parts: Vec<String> = numbers.split('.').map(trimmed).collect();
    while parts.len() < 3 {
        parts.push("0".to_owned());
    }
    format!("{}{rest}", parts.join("."))
}

impl Version {
    fn parse(text: &str) -> Result<Self, String> {
        let (rest, build) = text.split_once('+').map_or((text, ""), |(rest, build)| (rest, build));
        let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
        let parts: Vec<&str> = core.split('.').collect();
        let [major, minor, patch] = parts[..] else { return Err("No Major.Minor.Patch elements found".to_owned()) };
        let number = |part: &str| -> Result<u64, String> {
            if part.len() > 1 && part.starts_with('0') {
                return Err(format!("Version number must not contain leading zeroes {part:?}"));
            }
            let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_plain).ok_or_else(|| format!("Invalid character(s) found in number {part:?}"))
        };
        let numbers = [number(major)?, number(minor)?, number(patch)?];
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric());
        let pre: Vec<String> = pre.map(|pre| pre.split('.').map(str::to_owned).collect()).unwrap_or_default();
        if !pre.iter().all(|part| is_word(part)) || !(build.is_empty() && !text.contains('+') || build.split('.').all(is_word)) {
            return Err("Invalid character(s) found in prerelease or build metadata".to_owned());
        }
        Ok(Self { numbers, pre, build: build.to_owned() })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let one = |a: &String, b: &String| match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => {
                let parts = self.pre.iter().zip(&other.pre).map(|(a, b)| one(a, b));
                parts.fold(Ordering::Equal, Ordering::then).then(self.pre.len().cmp(&other.pre.len()))
            }
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre.join("."))?;
        }
        if self.build.is_empty() { Ok(()) } else { write!(f, "+{}", self.build) }
    }
}

//! Texts (cel-go's `ext.Strings`, and Kubernetes' `find` and `findAll`). Places are counted in characters.

use regex::Regex;

use super::conversion::plain;
use super::time::seconds;
use super::{Fault, Function, Outcome, Price, function, list, no_overload};
use crate::api::expression::value::Val;

/// How large a pattern may become when it is compiled: bytes.
const PATTERN_LIMIT: usize = 1 << 20;
/// How long a text may become.
const TEXT_LIMIT: usize = 16 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    function(".contains", Price::Product, |of| two(of, |text, part| Ok(Val::Bool(text.contains(part))))),
    function(".startsWith", Price::Second, |of| two(of, |text, part| Ok(Val::Bool(text.starts_with(part))))),
    function(".endsWith", Price::Second, |of| two(of, |text, part| Ok(Val::Bool(text.ends_with(part))))),
    function(".matches", Price::Product, |of| two(of, matches)),
    function("matches", Price::Product, |of| two(of, matches)),
    function(".charAt", Price::One, char_at),
    function(".indexOf", Price::Product, |of| if let [Val::List(_), _] = of { list::index_of(of) } else { index_of(of, false) }),
    function(".lastIndexOf", Price::Product, |of| if let [Val::List(_), _] = of { list::last_index_of(of) } else { index_of(of, true) }),
    function(".lowerAscii", Price::First, |of| one(of, |text| Ok(Val::text(text.to_ascii_lowercase())))),
    function(".upperAscii", Price::First, |of| one(of, |text| Ok(Val::text(text.to_ascii_uppercase())))),
    function(".trim", Price::First, |of| one(of, |text| Ok(Val::text(text.trim())))),
    function(".reverse", Price::First, |of| match of {
        [Val::List(_)] => list::reverse(of),
        of => one(of, |text| Ok(Val::text(text.chars().rev().collect::<String>()))),
    }),
    function(".replace", Price::Sum, replace),
    function(".split", Price::First, split),
    function(".substring", Price::First, substring),
    function(".join", Price::Items, join),
    function(".format", Price::First, |of| match of {
        [Val::Text(text), Val::List(arguments)] => format(text, &arguments.iter().collect::<Vec<_>>()).map(Val::text),
        _ => no_overload(),
    }),
    function("strings.quote", Price::First, |of| one(of, |text| Ok(Val::text(quote(text))))),
    function(".find", Price::Product, |of| {
        two(of, |text, pattern| Ok(Val::text(compiled(pattern)?.find(text).map_or("", |found| found.as_str()))))
    }),
    function(".findAll", Price::Product, find_all),
];

fn one<'a>(of: &[Val<'a>], give: impl Fn(&str) -> Outcome<'a>) -> Outcome<'a> {
    if let [Val::Text(text)] = of { give(text) } else { no_overload() }
}

fn two<'a>(of: &[Val<'a>], give: impl Fn(&str, &str) -> Outcome<'a>) -> Outcome<'a> {
    if let [Val::Text(text), Val::Text(other)] = of { give(text, other) } else { no_overload() }
}

thread_local! {
    /// The patterns that were compiled last: what policies ask is mostly the same.
    static PATTERNS: std::cell::RefCell<Vec<(String, Regex)>> = const { std::cell::RefCell::new(Vec::new()) };
}
const PATTERNS_KEPT: usize = 64;

fn compiled(pattern: &str) -> Result<Regex, Fault> {
    PATTERNS.with_borrow_mut(|patterns| {
        if let Some((_, known)) = patterns.iter().find(|(text, _)| text == pattern) {
            return Ok(known.clone());
        }
        let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_LIMIT).build();
        let built = built.map_err(|_| Fault::new(format!("error parsing regexp: `{pattern}`")))?;
        if patterns.len() == PATTERNS_KEPT {
            patterns.remove(0);
        }
        patterns.push((pattern.to_owned(), built.clone()));
        Ok(built)
    })
}

fn matches<'a>(text: &str, pattern: &str) -> Outcome<'a> {
    Ok(Val::Bool(compiled(pattern)?.is_match(text)))
}

fn find_all<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let (text, pattern, most) = match of {
        [Val::Text(text), Val::Text(pattern)] => (text, pattern, usize::MAX),
        [Val::Text(text), Val::Text(pattern), Val::Int(most)] => (text, pattern, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return no_overload(),
    };
    let compiled = compiled(pattern)?;
    Ok(Val::list(compiled.find_iter(text).take(most).map(|found| Val::text(found.as_str())).collect()))
}

fn char_at<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [Val::Text(text), Val::Int(index)] = of else { return no_overload() };
    let count = text.chars().count();
    match usize::try_from(*index) {
        Ok(index) if index <= count => Ok(Val::text(text.chars().nth(index).map(String::from).unwrap_or_default())),
        _ => Err(Fault::new(format!("index out of range: {index}"))),
    }
}

fn index_of<'a>(of: &[Val<'a>], from_the_end: bool) -> Outcome<'a> {
    let (text, part, offset) = match of {
        [Val::Text(text), Val::Text(part)] => (text, part, None),
        [Val::Text(text), Val::Text(part), Val::Int(offset)] => (text, part, Some(*offset)),
        _ => return no_overload(),
    };
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    let offset = match offset.map(usize::try_from) {
        None => None,
        Some(Ok(offset)) if offset <= text.len() => Some(offset),
        Some(_) => return Err(Fault::new(format!("index out of range: {}", super::super::run::shown(&of[2])))),
    };
    let is_there = |at: &usize| text[*at..].starts_with(&part);
    let places = 0..(text.len() + 1).saturating_sub(part.len());
    let found = match from_the_end {
        true => places.rev().filter(|at| offset.is_none_or(|offset| *at <= offset)).find(is_there),
        false => places.skip(offset.unwrap_or(0)).find(is_there),
    };
    Ok(Val::Int(found.map_or(-1, |at| at as i64)))
}

fn replace<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let (text, from, to, most) = match of {
        [Val::Text(text), Val::Text(from), Val::Text(to)] => (text, from, to, usize::MAX),
        [Val::Text(text), Val::Text(from), Val::Text(to), Val::Int(most)] => (text, from, to, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return no_overload(),
    };
    let places = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&**from).count() };
    if places.min(most).saturating_mul(to.len()) > TEXT_LIMIT {
        return Err(Fault::TooCostly);
    }
    Ok(Val::text(text.replacen(&**from, to, most)))
}

fn split<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let (text, by, most) = match of {
        [Val::Text(text), Val::Text(by)] => (text, by, usize::MAX),
        [Val::Text(text), Val::Text(by), Val::Int(most)] => (text, by, usize::try_from(*most).unwrap_or(usize::MAX)),
        _ => return no_overload(),
    };
    if most == 0 {
        return Ok(Val::list(Vec::new()));
    }
    let parts: Vec<Val> = match &**by {
        "" if most == usize::MAX => text.chars().map(|one| Val::text(one.to_string())).collect(),
        by => text.splitn(most, by).map(Val::text).collect(),
    };
    Ok(Val::list(parts))
}

fn substring<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let (text, from, to) = match of {
        [Val::Text(text), Val::Int(from)] => (text, *from, None),
        [Val::Text(text), Val::Int(from), Val::Int(to)] => (text, *from, Some(*to)),
        _ => return no_overload(),
    };
    let count = text.chars().count() as i64;
    let to = to.unwrap_or(count);
    if from > to {
        return Err(Fault::new(format!("invalid substring range. start: {from}, end: {to}")));
    }
    for index in [from, to] {
        if !(0..=count).contains(&index) {
            return Err(Fault::new(format!("index out of range: {index}")));
        }
    }
    Ok(Val::text(text.chars().skip(from as usize).take((to - from) as usize).collect::<String>()))
}

fn join<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let (list, by) = match of {
        [Val::List(list)] => (list, ""),
        [Val::List(list), Val::Text(by)] => (list, &**by),
        _ => return no_overload(),
    };
    let parts = list.iter().map(|item| item.as_str().map(str::to_owned).ok_or(Fault::NoSuchOverload)).collect::<Result<Vec<_>, _>>()?;
    Ok(Val::text(parts.join(by)))
}

/// A text in quotes, as CEL would read it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\u{b}' => quoted.push_str("\\v"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// `'%s is %d'.format([a, b])`
fn format(pattern: &str, arguments: &[Val]) -> Result<String, Fault> {
    let (mut text, mut characters, mut next) = (String::new(), pattern.chars().peekable(), 0);
    while let Some(one) = characters.next() {
        if one != '%' {
            text.push(one);
            continue;
        }
        if characters.peek() == Some(&'%') {
            characters.next();
            text.push('%');
            continue;
        }
        let mut precision = String::new();
        if characters.peek() == Some(&'.') {
            characters.next();
            while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                precision.push(digit);
            }
        }
        let clause = characters.next().ok_or_else(|| Fault::new("unexpected end of string"))?;
        let argument = arguments.get(next).ok_or_else(|| Fault::new(format!("index {next} out of range")))?;
        next += 1;
        let precision = precision.parse::<usize>().unwrap_or(6).min(64);
        text.push_str(&formatted(clause, precision, argument)?);
        if text.len() > TEXT_LIMIT {
            return Err(Fault::TooCostly);
        }
    }
    Ok(text)
}

fn formatted(clause: char, precision: usize, argument: &Val) -> Result<String, Fault> {
    Ok(match (clause, argument) {
        ('s', value) => shown(value),
        ('d', Val::Int(_) | Val::Uint(_)) => plain(argument).unwrap_or_default(),
        ('f', Val::Double(number)) => format!("{number:.precision$}"),
        ('f', Val::Int(number)) => format!("{:.precision$}", *number as f64),
        ('e', Val::Double(number)) => format!("{number:.precision$e}"),
        ('b', Val::Int(number)) => {
            if *number < 0 {
                format!("-{:b}", number.unsigned_abs())
            } else {
                format!("{number:b}")
            }
        }
        ('b', Val::Uint(number)) => format!("{number:b}"),
        ('b', Val::Bool(truth)) => u8::from(*truth).to_string(),
        ('o', Val::Int(number)) => {
            if *number < 0 {
                format!("-{:o}", number.unsigned_abs())
            } else {
                format!("{number:o}")
            }
        }
        ('o', Val::Uint(number)) => format!("{number:o}"),
        ('x', Val::Int(number)) => {
            if *number < 0 {
                format!("-{:x}", number.unsigned_abs())
            } else {
                format!("{number:x}")
            }
        }
        ('X', Val::Int(number)) => {
            if *number < 0 {
                format!("-{:X}", number.unsigned_abs())
            } else {
                format!("{number:X}")
            }
        }
        ('x', Val::Uint(number)) => format!("{number:x}"),
        ('X', Val::Uint(number)) => format!("{number:X}"),
        ('x', Val::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Val::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('d' | 'f' | 'e' | 'b' | 'o' | 'x' | 'X', _) => {
            return Err(Fault::new(format!("error during formatting: no formatting clause for type {}", argument.type_name())));
        }
        (other, _) => return Err(Fault::new(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\""))),
    })
}

/// A value as `%s` shows it.
fn shown(value: &Val) -> String {
    match value {
        Val::Null => "null".to_owned(),
        Val::List(list) => format!("[{}]", list.iter().map(|item| shown(&item)).collect::<Vec<_>>().join(", ")),
        Val::Map(map) => {
            let entry = |key: Val| format!("{}: {}", shown(&key), map.get(&key).map(|value| shown(&value)).unwrap_or_default());
            format!("{{{}}}", map.keys().into_iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Val::Duration(by) => seconds(*by),
        other => plain(other).unwrap_or_else(|| other.type_name().to_owned()),
    }
}

//! Inputs that nobody would write, made from some that somebody would. A parser that strangers can reach has a target: a test that hands it
//! such inputs, and fails with the one that made it panic.
//!
//! `KABUKI_FUZZ_ROUNDS` says how many each target gets, `KABUKI_FUZZ_SEED` from which seed they are made.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use super::entropy::Entropy;

/// So many inputs in every run of the tests; who looks for more says so.
const ROUNDS: u64 = 3000;
/// No input is made longer than this, in bytes: how long inputs may be is tested where they come in.
const LONGEST: usize = 1 << 14;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// How many inputs a target gets.
pub fn rounds() -> u64 {
    number("KABUKI_FUZZ_ROUNDS", ROUNDS)
}

/// The chance of a target's inputs.
pub fn chance(target: &str) -> Entropy {
    Entropy::from_seed(number("KABUKI_FUZZ_SEED", 1)).split(target)
}

/// Hands a target texts and bytes made from a corpus, and from the words that mean something to it.
pub fn bytes(name: &str, corpus: &[&[u8]], words: &[&str], target: impl Fn(&[u8])) {
    let mut chance = chance(name);
    for round in 0..rounds() {
        let mut input = pick(&mut chance, corpus).to_vec();
        for _ in 0..chance.rng().random_range(1..6) {
            distort(&mut chance, &mut input, corpus, words);
        }
        input.truncate(LONGEST);
        judge(name, round, || format!("{:?}", String::from_utf8_lossy(&input)), || target(&input));
    }
}

/// Hands a target values made from a corpus.
pub fn values(name: &str, corpus: &[Value], target: impl Fn(Value)) {
    let mut chance = chance(name);
    for round in 0..rounds() {
        let chosen = pick(&mut chance, corpus);
        let input = distorted(&mut chance, chosen);
        judge(name, round, || input.to_string(), || target(input.clone()));
    }
}

/// Runs one round; a panic says with what.
pub fn judge<T>(name: &str, round: u64, input: impl Fn() -> String, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        eprintln!("{name}: round {round} broke it, with {}", input());
        resume_unwind(panic)
    })
}

fn pick<'a, T>(chance: &mut Entropy, from: &'a [T]) -> &'a T {
    from.choose(chance.rng()).expect("a corpus has something in it")
}

fn place(chance: &mut Entropy, length: usize) -> usize {
    if length == 0 { 0 } else { chance.rng().random_range(0..=length) }
}

fn distort(chance: &mut Entropy, input: &mut Vec<u8>, corpus: &[&[u8]], words: &[&str]) {
    let (a, b) = (place(chance, input.len()), place(chance, input.len()));
    let (from, to) = (a.min(b), a.max(b));
    match chance.rng().random_range(0..8) {
        0 if from < input.len() => input[from] ^= 1 << chance.rng().random_range(0..8),
        1 if from < input.len() => input[from] = chance.rng().random(),
        2 => drop(input.drain(from..to)),
        3 => {
            let again = input[from..to].to_vec();
            input.splice(to..to, again);
        }
        4 => {
            let other = pick(chance, corpus);
            let cut = place(chance, other.len());
            input.splice(from..to, other[cut..].iter().copied());
        }
        5 => input.insert(from, *pick(chance, &[0, 0x7f, 0x80, 0xff, b'"', b'\\', b'\n', b' ', b'-', b'0'])),
        6 if !words.is_empty() => {
            let word = pick(chance, words).as_bytes().to_vec();
            input.splice(from..from, word);
        }
        _ => {
            let word = *pick(chance, &["9223372036854775808", "-1", "1e400", "0x0", "\u{202e}", "{{{{{{{{", "[[[[[[[[", "null", "\"\""]);
            input.splice(from..from, word.bytes());
        }
    }
}

/// A value with a few places of it changed.
pub fn distorted(chance: &mut Entropy, value: &Value) -> Value {
    let mut value = value.clone();
    for _ in 0..chance.rng().random_range(1..4) {
        let place = pick_place(chance, &mut value);
        change(chance, place);
    }
    value
}

/// Any place in a value; deep ones are as likely as others.
fn pick_place<'a>(chance: &mut Entropy, value: &'a mut Value) -> &'a mut Value {
    let mut place = value;
    loop {
        let inner = match &*place {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        if inner == 0 || chance.rng().random_range(0..8) == 0 {
            return place;
        }
        let chosen = chance.rng().random_range(0..inner);
        place = match place {
            Value::Array(items) => &mut items[chosen],
            Value::Object(fields) => fields.values_mut().nth(chosen).expect("it was counted"),
            _ => unreachable!("only what holds others has been counted"),
        };
    }
}

fn change(chance: &mut Entropy, place: &mut Value) {
    let numbers = [0, -1, 1, 65536, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN];
    let texts = [
        "",
        " ",
        "-",
        "a",
        "A.b",
        "a/b/c",
        "/",
        "..",
        "*",
        "0",
        "-5",
        "10%",
        "1e9999",
        "5Gi",
        "\u{0}",
        "\u{1f980}",
        "2026-13-01T00:00:00Z",
    ];
    *place = match chance.rng().random_range(0..10) {
        0 => Value::Null,
        1 => json!(*pick(chance, &numbers)),
        2 => json!(*pick(chance, &texts)),
        3 => json!("x".repeat(chance.rng().random_range(1..600))),
        4 => json!(chance.rng().random::<bool>()),
        5 => json!([]),
        6 => json!({}),
        7 => match place.take() {
            Value::Array(mut items) if !items.is_empty() => {
                let again = pick(chance, &items).clone();
                items.push(again);
                items.into()
            }
            Value::Object(fields) => renamed(chance, fields),
            other => json!([other]),
        },
        8 => json!({"a": place.take()}),
        _ => json!(*pick(chance, &[0.5, -1e300, 1e15])),
    };
}

/// One of the fields goes, or gets another name.
fn renamed(chance: &mut Entropy, mut fields: Map<String, Value>) -> Value {
    let names: Vec<String> = fields.keys().cloned().collect();
    if let Some(name) = names.choose(chance.rng()) {
        let value = fields.remove(name);
        if chance.rng().random() {
            fields.insert(format!("{name}x"), value.unwrap_or_default());
        }
    }
    fields.into()
}

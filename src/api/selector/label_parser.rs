//! The grammar of label selectors, with the messages of upstream's parser.

use std::collections::BTreeSet;

use super::label::{LabelRequirement, Operator};
use crate::api::validation::format::qualified_name;

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// Keys and values; also the words `in` and `notin`, which are operators only after a key.
    Word(&'a str),
    /// `( ) , ! = == != < >`
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

/// The tokens of a text, with one of lookahead.
struct Tokens<'a> {
    rest: &'a str,
    next: Token<'a>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        let mut tokens = Self { rest: text, next: Token::End };
        tokens.take();
        tokens
    }

    fn take(&mut self) -> Token<'a> {
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        let is_symbol = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '<' | '>');
        let rest = self.rest.trim_start_matches(is_space);
        let symbol = |length| Token::Symbol(&rest[..length]);
        let scanned = match rest.chars().next() {
            None => Token::End,
            Some(_) if rest.starts_with("==") || rest.starts_with("!=") => symbol(2),
            Some(first) if is_symbol(first) => symbol(1),
            Some(_) => Token::Word(&rest[..rest.find(|c| is_space(c) || is_symbol(c)).unwrap_or(rest.len())]),
        };
        self.rest = &rest[scanned.text().len()..];
        std::mem::replace(&mut self.next, scanned)
    }
}

/// The requirements in the order of the text.
pub(super) fn parse(text: &str) -> Result<Vec<LabelRequirement>, String> {
    let tokens = &mut Tokens::new(text);
    let mut requirements = Vec::new();
    loop {
        match tokens.next {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Symbol("!") => {}
            other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.text())),
        }
        requirements.push(requirement(tokens).map_err(|error| format!("unable to parse requirement: {error}"))?);
        match tokens.take() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") if !matches!(tokens.next, Token::Word(_) | Token::Symbol("!")) => {
                return Err(format!("found '{}', expected: identifier after ','", tokens.next.text()));
            }
            Token::Symbol(",") => {}
            other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<LabelRequirement, String> {
    let negated = tokens.next == Token::Symbol("!");
    if negated {
        tokens.take();
    }
    let key = match tokens.take() {
        Token::Word(key) => key,
        other => return Err(format!("found '{}', expected: identifier", other.text())),
    };
    let faults = qualified_name(key);
    if !faults.is_empty() {
        return Err(format!("<nil>: Invalid value: {key:?}: {}", faults.join("; ")));
    }
    if negated {
        return LabelRequirement::new(key, Operator::DoesNotExist, BTreeSet::new());
    }
    if matches!(tokens.next, Token::End | Token::Symbol(",")) {
        return LabelRequirement::new(key, Operator::Exists, BTreeSet::new());
    }
    let operator = match tokens.take() {
        Token::Word("in") => Operator::In,
        Token::Word("notin") => Operator::NotIn,
        Token::Symbol("=") => Operator::Equals,
        Token::Symbol("==") => Operator::DoubleEquals,
        Token::Symbol("!=") => Operator::NotEquals,
        Token::Symbol(">") => Operator::GreaterThan,
        Token::Symbol("<") => Operator::LessThan,
        other => return Err(format!("found '{}', expected: {OPERATORS}", other.text())),
    };
    let values = if matches!(operator, Operator::In | Operator::NotIn) { value_list(tokens)? } else { exact_value(tokens)? };
    LabelRequirement::new(key, operator, values)
}

fn exact_value(tokens: &mut Tokens<'_>) -> Result<BTreeSet<String>, String> {
    if matches!(tokens.next, Token::End | Token::Symbol(",")) {
        return Ok(BTreeSet::from([String::new()]));
    }
    match tokens.take() {
        Token::Word(value) => Ok(BTreeSet::from([value.to_owned()])),
        other => Err(format!("found '{}', expected: identifier", other.text())),
    }
}

/// `(a, b)`; an empty place between commas is the empty value.
fn value_list(tokens: &mut Tokens<'_>) -> Result<BTreeSet<String>, String> {
    match tokens.take() {
        Token::Symbol("(") => {}
        other => return Err(format!("found '{}' expected: '('", other.text())),
    }
    let mut values = BTreeSet::new();
    match tokens.next {
        Token::Symbol(")") => {
            tokens.take();
            return Ok(values);
        }
        Token::Word(_) | Token::Symbol(",") => {}
        other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
    }
    loop {
        match tokens.take() {
            Token::Word(value) => {
                values.insert(value.to_owned());
                match tokens.next {
                    Token::Symbol(",") => {}
                    Token::Symbol(")") => break,
                    other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
                }
            }
            Token::Symbol(",") => {
                if values.is_empty() || matches!(tokens.next, Token::Symbol("," | ")")) {
                    values.insert(String::new());
                }
                if tokens.next == Token::Symbol(")") {
                    break;
                }
                if tokens.next == Token::Symbol(",") {
                    tokens.take();
                }
            }
            other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
        }
    }
    tokens.take();
    Ok(values)
}

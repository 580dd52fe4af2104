//! Selection by fields (<https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/>).

use std::fmt;

use crate::api::kinds::Kind;
use crate::api::status::Status;

const EVERY_KIND: [&str; 2] = ["metadata.name", "metadata.namespace"];

/// All requirements must hold; without any, everything is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// What one field must be, or must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    pub field: String,
    pub value: String,
    pub negated: bool,
}

impl FieldSelector {
    /// Parses `spec.nodeName=n1,status.phase!=Running`; values escape `\`, `,` and `=` with a backslash.
    ///
    /// # Errors
    /// 400, with upstream's message.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let mut requirements = Vec::new();
        for term in terms.into_iter().filter(|term| !term.is_empty()) {
            let (field, negated, value) =
                split_term(term).ok_or_else(|| Status::bad_request(format!("invalid selector: '{text}'; can't understand '{term}'")))?;
            requirements.push(FieldRequirement { field: field.to_owned(), value: unescape(value)?, negated });
        }
        Ok(Self { requirements })
    }

    /// Checks that a kind's objects can be selected by all these fields.
    ///
    /// # Errors
    /// 400, with upstream's message.
    pub fn check(&self, kind: &Kind) -> Result<(), Status> {
        let is_known = |field: &str| EVERY_KIND.contains(&field) || kind.selectable.iter().any(|selectable| selectable.name == field);
        match self.requirements.iter().find(|requirement| !is_known(&requirement.field)) {
            None => Ok(()),
            Some(FieldRequirement { field, .. }) if kind.selectable.is_empty() => {
                let [name, namespace] = EVERY_KIND;
                Err(Status::bad_request(format!("{field:?} is not a known field selector: only {name:?}, {namespace:?}")))
            }
            Some(FieldRequirement { field, .. }) => Err(Status::bad_request(format!("field label not supported: {field}"))),
        }
    }

    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// `field` finds a field's text; an absent field is as an empty one.
    pub fn matches(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.requirements.iter().all(|wanted| (field(&wanted.field).unwrap_or_default() == wanted.value) != wanted.negated)
    }

    /// The one value that a field must have, if there is one.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.requirements.iter().find(|wanted| !wanted.negated && wanted.field == field).map(|wanted| wanted.value.as_str())
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, FieldRequirement { field, value, negated }) in self.requirements.iter().enumerate() {
            write!(f, "{}{field}{}", if index > 0 { "," } else { "" }, if *negated { "!=" } else { "=" })?;
            for c in value.chars() {
                if matches!(c, '\\' | ',' | '=') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// At the commas that are not escaped.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let splits = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
    .collect()
}

/// Field, whether negated, value.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find('=')?;
    let (before, after) = (&term[..at], &term[at + 1..]);
    match before.strip_suffix('!') {
        Some(field) => Some((field, true, after)),
        None => Some((before, false, after.strip_prefix('=').unwrap_or(after))),
    }
}

fn unescape(value: &str) -> Result<String, Status> {
    let refuse = |what: String| Err(Status::bad_request(format!("invalid field selector: {what}")));
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => return refuse(format!("invalid escape sequence: \\{other}")),
                None => return refuse("invalid escape sequence: \\".into()),
            },
            // Upstream prints the character's number.
            ',' | '=' => return refuse(format!("unescaped character in value: {}", u32::from(c))),
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kinds::Registry;
    use proptest::prelude::*;

    fn name(field: &str) -> Option<String> {
        (field == "metadata.name").then(|| "a,b".to_owned())
    }

    #[test]
    fn equality_and_its_negation_select() {
        for (text, expected) in [
            ("", true),
            ("metadata.name=a\\,b", true),
            ("metadata.name==a\\,b", true),
            ("metadata.name!=a\\,b", false),
            ("metadata.name=z", false),
            ("spec.nodeName=", true),
            ("spec.nodeName!=,metadata.name!=z", false),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap().matches(name), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_told_in_upstreams_words() {
        for (text, message) in [
            ("metadata.name in (a)", "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'"),
            ("metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"),
            ("metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"),
            ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
        ] {
            let status = FieldSelector::parse(text).unwrap_err();
            assert_eq!((status.code, status.message.as_str()), (400, message), "{text}");
        }
    }

    #[test]
    fn only_the_fields_that_a_kind_declares_can_be_selected() {
        let check = |plural, text| {
            let kind = Registry::built_in().resource("", "v1", plural).unwrap();
            FieldSelector::parse(text).unwrap().check(kind).map_err(|status| status.message)
        };
        assert_eq!(check("pods", "spec.nodeName=n,metadata.namespace=x"), Ok(()));
        assert_eq!(check("pods", "spec.priority=0"), Err("field label not supported: spec.priority".into()));
        let only = "\"data.a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
        assert_eq!(check("configmaps", "data.a=b"), Err(only.into()));
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(value in "[a-c,=\\\\]*", negated: bool) {
            let selector = FieldSelector { requirements: vec![FieldRequirement { field: "metadata.name".into(), value, negated }] };
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()).unwrap(), selector);
        }
    }
}

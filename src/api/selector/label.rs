//! Selection by labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1;

use super::label_parser;
use crate::api::status::Status;
use crate::api::validation::format::{label_value, qualified_name};

/// All requirements must hold; without any, everything is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelSelector {
    requirements: Vec<LabelRequirement>,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelRequirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

/// How a label is compared with the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    Equals,
    /// `==`: as `Equals`, but printed as it was written.
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl LabelSelector {
    /// Parses the form of queries: `app=web,tier in (a, b),!canary`.
    ///
    /// # Errors
    /// 400, with upstream's message.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut requirements = label_parser::parse(text).map_err(Status::bad_request)?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { requirements })
    }

    /// The selector of a spec. An absent one selects nothing, which is for the caller to decide; an empty one selects everything.
    ///
    /// # Errors
    /// 400 for an operator, a key or values that cannot be.
    pub fn from_spec(spec: &v1::LabelSelector) -> Result<Self, Status> {
        let mut selector = Self::default();
        for (key, value) in spec.match_labels.iter().flatten() {
            selector.push(key, Operator::Equals, BTreeSet::from([value.clone()]))?;
        }
        for expression in spec.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(Status::bad_request(format!("{other:?} is not a valid label selector operator"))),
            };
            selector.push(&expression.key, operator, expression.values.iter().flatten().cloned().collect())?;
        }
        Ok(selector)
    }

    /// Exactly these labels (`spec.selector` of services and replication controllers), taken as valid.
    pub fn from_map<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let equals = |(key, value): (&String, &String)| LabelRequirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: BTreeSet::from([value.clone()]),
        };
        Self { requirements: labels.into_iter().map(equals).collect() }
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    pub fn requirements(&self) -> &[LabelRequirement] {
        &self.requirements
    }

    fn push(&mut self, key: &str, operator: Operator, values: BTreeSet<String>) -> Result<(), Status> {
        self.requirements.push(LabelRequirement::new(key, operator, values).map_err(Status::bad_request)?);
        Ok(())
    }
}

impl LabelRequirement {
    /// # Errors
    /// What is wrong with the key, the number of values or a value, as upstream says it.
    pub fn new(key: &str, operator: Operator, values: BTreeSet<String>) -> Result<Self, String> {
        let mut faults = Vec::new();
        let mut report = |at: String, bad: &str, why: &str| faults.push(format!("{at}: Invalid value: {bad}: {why}"));
        if let Some(why) = joined(qualified_name(key)) {
            report("key".into(), &format!("{key:?}"), &why);
        }
        if let Some(why) = wrong_number(operator, values.len()) {
            let list: Vec<&String> = values.iter().collect();
            report("values".into(), &serde_json::json!(list).to_string(), why);
        }
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err() {
                report(format!("values[{index}]"), &format!("{value:?}"), "for 'Gt', 'Lt' operators, the value must be an integer");
            }
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(why) = joined(label_value(value)) {
                report(format!("values[{index}][{key}]"), &format!("{value:?}"), &why);
            }
        }
        match faults.len() {
            0 => Ok(Self { key: key.to_owned(), operator, values }),
            1 => Err(faults.remove(0)),
            _ => Err(format!("[{}]", faults.join(", "))),
        }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn operator(&self) -> Operator {
        self.operator
    }

    pub fn values(&self) -> &BTreeSet<String> {
        &self.values
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotEquals | Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => self.compare(value).is_some_and(std::cmp::Ordering::is_gt),
            Operator::LessThan => self.compare(value).is_some_and(std::cmp::Ordering::is_lt),
        }
    }

    fn compare(&self, value: Option<&String>) -> Option<std::cmp::Ordering> {
        let limit = self.values.first()?.parse::<i64>().ok()?;
        Some(value?.parse::<i64>().ok()?.cmp(&limit))
    }
}

fn joined(faults: Vec<String>) -> Option<String> {
    (!faults.is_empty()).then(|| faults.join("; "))
}

fn wrong_number(operator: Operator, values: usize) -> Option<&'static str> {
    let (wrong, why) = match operator {
        Operator::In | Operator::NotIn => (values == 0, "for 'in', 'notin' operators, values set can't be empty"),
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
            (values != 1, "exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist => (values != 0, "values set must be empty for exists and does not exist"),
        Operator::GreaterThan | Operator::LessThan => (values != 1, "for 'Gt', 'Lt' operators, exactly one value is required"),
    };
    wrong.then_some(why)
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for LabelRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values = || self.values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match self.operator {
            Operator::Equals => write!(f, "{key}={}", values()),
            Operator::DoubleEquals => write!(f, "{key}=={}", values()),
            Operator::NotEquals => write!(f, "{key}!={}", values()),
            Operator::In => write!(f, "{key} in ({})", values()),
            Operator::NotIn => write!(f, "{key} notin ({})", values()),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{}", values()),
            Operator::LessThan => write!(f, "{key}<{}", values()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_operator_selects_what_it_says() {
        let web = labels(&[("env", "prod"), ("tier", "web"), ("size", "7"), ("example.com/a", "")]);
        for (text, expected) in [
            ("", true),
            ("env", true),
            ("!env", false),
            ("env=prod", true),
            ("env==prod", true),
            ("env!=prod", false),
            ("other!=prod", true),
            ("env in (prod,dev)", true),
            ("env in ( dev )", false),
            ("env notin (dev)", true),
            ("other notin (dev)", true),
            ("size>6", true),
            ("size<7", false),
            ("env>6", false),
            ("env=", false),
            ("example.com/a=", true),
            (" env = prod , tier ", true),
            ("env=prod,!tier", false),
            ("in=x", false),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&web), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_told_in_upstreams_words() {
        for (text, message) in [
            ("env in prod", "unable to parse requirement: found 'prod' expected: '('"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("env>>prod", "unable to parse requirement: found '>', expected: identifier"),
            ("env in (prod", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("/x", "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty"),
            ("env=a b", "found 'b', expected: ',' or 'end of string'"),
            ("env=prod,", "found '', expected: identifier after ','"),
            ("=x", "found '=', expected: !, identifier, or 'end of string'"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("a>b", "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"),
            (
                "a=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "unable to parse requirement: values[0][a]: Invalid value: \
                 \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": must be no more than 63 bytes",
            ),
        ] {
            let status = LabelSelector::parse(text).unwrap_err();
            assert_eq!((status.code, status.message.as_str()), (400, message), "{text}");
        }
    }

    #[test]
    fn a_spec_selects_by_labels_and_expressions() {
        let spec: v1::LabelSelector = serde_json::from_value(serde_json::json!({
            "matchLabels": {"app": "x"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}],
        }))
        .unwrap();
        let selector = LabelSelector::from_spec(&spec).unwrap();
        assert!(selector.matches(&labels(&[("app", "x")])));
        assert!(!selector.matches(&labels(&[("app", "x"), ("tier", "db")])));
        assert_eq!(selector.to_string(), "app=x,tier notin (db)");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(text in "!?[a-c](=|==|!=| in | notin |>|<)?(\\([a-c],[a-c]\\)|[0-9])?(,[a-c]=[a-c])?") {
            if let Ok(selector) = LabelSelector::parse(&text) {
                prop_assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
            }
        }

        #[test]
        fn no_text_panics(text in "[a-c!=<>(), in]*") {
            let _ = LabelSelector::parse(&text);
        }
    }
}

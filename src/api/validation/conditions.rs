//! Conditions as `metav1.Condition` has them: what a status says of its object.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use serde::Deserialize;

use super::format::qualified_name;
use super::words::one_of;
use super::{ErrorList, Path};

const REASON_LENGTH: usize = 1024;
const MESSAGE_LENGTH: usize = 32 * 1024;
const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', \
and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', \
regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

/// One condition, as far as it is judged. (The type of the API cannot be read where the time is missing.)
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    observed_generation: Option<i64>,
    last_transition_time: Option<String>,
    reason: String,
    message: String,
}

impl From<&meta::Condition> for Condition {
    fn from(condition: &meta::Condition) -> Self {
        let meta::Condition { last_transition_time: meta::Time(time), .. } = condition;
        Self {
            kind: condition.type_.clone(),
            status: condition.status.clone(),
            observed_generation: condition.observed_generation,
            last_transition_time: (*time != Timestamp::UNIX_EPOCH).then(|| time.to_string()),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        }
    }
}

/// The same for those that could be read as the type of the API.
pub fn typed_conditions(typed: &[meta::Condition], path: &Path, errors: &mut ErrorList) {
    let told: Vec<Condition> = typed.iter().map(Condition::from).collect();
    conditions(&told, path, errors);
}

pub fn conditions(conditions: &[Condition], path: &Path, errors: &mut ErrorList) {
    for (index, one) in conditions.iter().enumerate() {
        let at = path.index(index);
        if conditions[..index].iter().any(|other| other.kind == one.kind) {
            errors.duplicate(&at.child("type"), &one.kind);
        }
        condition(one, &at, errors);
    }
}

fn condition(condition: &Condition, path: &Path, errors: &mut ErrorList) {
    errors.invalid_each(&path.child("type"), &condition.kind, qualified_name(&condition.kind));
    one_of(Some(&condition.status), &["False", "True", "Unknown"], &path.child("status"), errors);
    if let Some(generation) = condition.observed_generation.filter(|generation| *generation < 0) {
        errors.invalid(&path.child("observedGeneration"), generation, "must be greater than or equal to zero");
    }
    if condition.last_transition_time.is_none() {
        errors.required(&path.child("lastTransitionTime"), "");
    }
    match condition.reason.as_str() {
        "" => errors.required(&path.child("reason"), ""),
        reason => {
            if !is_reason(reason) {
                errors.invalid(&path.child("reason"), reason, REASON);
            }
            if reason.len() > REASON_LENGTH {
                errors.too_long(&path.child("reason"), REASON_LENGTH);
            }
        }
    }
    if condition.message.len() > MESSAGE_LENGTH {
        errors.too_long(&path.child("message"), MESSAGE_LENGTH);
    }
}

fn is_reason(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().last().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || byte == b',' || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_word_that_programs_can_read() {
        for (reason, well_formed) in [("A", true), ("Is_A:B,c1", true), ("", false), ("1a", false), ("a:", false), ("a b", false)] {
            assert_eq!(is_reason(reason), well_formed, "{reason}");
        }
    }
}

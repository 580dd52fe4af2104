//! Conditions of the type that all kinds share (`metav1.Condition`).

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::format::qualified_name;
use super::words::one_of;
use super::{ErrorList, Path};

const REASON_LENGTH: usize = 1024;
const MESSAGE_LENGTH: usize = 32 * 1024;
const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or \
'_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or \
'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

pub fn conditions(conditions: &[Condition], path: &Path, errors: &mut ErrorList) {
    for (index, condition) in conditions.iter().enumerate() {
        let at = path.index(index);
        if conditions[..index].iter().any(|other| other.type_ == condition.type_) {
            errors.duplicate(&at.child("type"), &condition.type_);
        }
        one(condition, &at, errors);
    }
}

fn one(condition: &Condition, path: &Path, errors: &mut ErrorList) {
    errors.invalid_each(&path.child("type"), &condition.type_, qualified_name(&condition.type_));
    one_of(Some(&condition.status), &["False", "True", "Unknown"], &path.child("status"), errors);
    if let Some(generation) = condition.observed_generation.filter(|generation| *generation < 0) {
        errors.invalid(&path.child("observedGeneration"), generation, "must be greater than or equal to zero");
    }
    if condition.last_transition_time == Time(Timestamp::UNIX_EPOCH) {
        errors.required(&path.child("lastTransitionTime"), "must be set");
    }
    let reason = condition.reason.as_str();
    if reason.is_empty() {
        errors.required(&path.child("reason"), "must be set");
    } else {
        if !is_reason(reason) {
            errors.invalid(&path.child("reason"), reason, REASON);
        }
        if reason.len() > REASON_LENGTH {
            errors.too_long(&path.child("reason"), REASON_LENGTH);
        }
    }
    if condition.message.len() > MESSAGE_LENGTH {
        errors.too_long(&path.child("message"), MESSAGE_LENGTH);
    }
}

fn is_reason(reason: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_,:".contains(&byte);
    reason.starts_with(|first: char| first.is_ascii_alphabetic())
        && reason.ends_with(|last: char| last == '_' || last.is_ascii_alphanumeric())
        && reason.bytes().all(is_inner)
}

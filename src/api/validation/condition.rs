//! Conditions in the form that all newer kinds share (`metav1.Condition`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::format::qualified_name;
use super::{ErrorList, Path};

const STATUSES: [&str; 3] = ["False", "True", "Unknown"];
const REASON_LENGTH: usize = 1024;
const MESSAGE_LENGTH: usize = 32 * 1024;
const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or \
'_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or \
'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

pub fn conditions(conditions: &[Condition], path: &Path, errors: &mut ErrorList) {
    for (index, one) in conditions.iter().enumerate() {
        let path = path.index(index);
        if conditions[..index].iter().any(|other| other.type_ == one.type_) {
            errors.duplicate(&path.child("type"), &one.type_);
        }
        condition(one, &path, errors);
    }
}

fn condition(condition: &Condition, path: &Path, errors: &mut ErrorList) {
    errors.invalid_each(&path.child("type"), &condition.type_, qualified_name(&condition.type_));
    if !STATUSES.contains(&condition.status.as_str()) {
        errors.not_supported(&path.child("status"), &condition.status, &STATUSES);
    }
    if let Some(generation) = condition.observed_generation.filter(|generation| *generation < 0) {
        errors.invalid(&path.child("observedGeneration"), generation, "must be greater than or equal to zero");
    }
    let (reason, at) = (condition.reason.as_str(), path.child("reason"));
    if reason.is_empty() {
        errors.required(&at, "must be set");
    } else {
        if !is_reason(reason) {
            errors.invalid(&at, reason, REASON);
        }
        if reason.len() > REASON_LENGTH {
            errors.too_long(&at, REASON_LENGTH);
        }
    }
    if condition.message.len() > MESSAGE_LENGTH {
        errors.too_long(&path.child("message"), MESSAGE_LENGTH);
    }
}

fn is_reason(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_,:".contains(&byte))
}

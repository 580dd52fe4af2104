//! When a job has failed, when it has succeeded, and when a pod of it is replaced.

use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule, SuccessPolicy,
    SuccessPolicyRule,
};
use serde_json::json;

use super::indexes::Indexes;
use crate::api::validation::format::qualified_name;
use crate::api::validation::numbers::not_negative;
use crate::api::validation::words::one_of;
use crate::api::validation::{ErrorList, FieldErrorKind, Path};

const RULES: usize = 20;
const EXIT_CODES: usize = 255;
const PATTERNS: usize = 20;
const INDEXES_LENGTH: usize = 64 * 1024;

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];

/// A word of a few, whose absence is told with the words that could be there (Go's `%q` of a list).
fn required_word(word: &str, known: &[&str], path: &Path, errors: &mut ErrorList) {
    if word.is_empty() {
        let list: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
        return errors.required(path, &format!("valid values: [{}]", list.join(" ")));
    }
    one_of(Some(word), known, path, errors);
}

fn at_most(count: usize, most: usize, path: &Path, errors: &mut ErrorList) {
    if count > most {
        errors.too_many(path, count, most);
    }
}

/// What is wrong with the whole of a field, whose value is not told.
pub(super) fn invalid_as_a_whole(path: &Path, why: &str, errors: &mut ErrorList) {
    errors.push(FieldErrorKind::Invalid, path.to_string(), format!("Invalid value: {why}"));
}

pub fn pod_failure_policy(spec: &JobSpec, path: &Path, errors: &mut ErrorList) {
    let Some(policy) = &spec.pod_failure_policy else { return };
    let at = path.child("rules");
    at_most(policy.rules.len(), RULES, &at, errors);
    for (index, rule) in policy.rules.iter().enumerate() {
        failure_rule(spec, rule, &at.index(index), errors);
    }
}

fn failure_rule(spec: &JobSpec, rule: &PodFailurePolicyRule, path: &Path, errors: &mut ErrorList) {
    let at = path.child("action");
    required_word(&rule.action, &ACTIONS, &at, errors);
    if rule.action == "FailIndex" && spec.backoff_limit_per_index.is_none() {
        errors.invalid(&at, &rule.action, "requires the backoffLimitPerIndex to be set");
    }
    let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
    if let Some(codes) = &rule.on_exit_codes {
        exit_codes(spec, codes, &path.child("onExitCodes"), errors);
    }
    if !patterns.is_empty() {
        pod_conditions(patterns, &path.child("onPodConditions"), errors);
    }
    match (rule.on_exit_codes.is_some(), !patterns.is_empty()) {
        (true, true) => invalid_as_a_whole(path, "specifying both OnExitCodes and OnPodConditions is not supported", errors),
        (false, false) => invalid_as_a_whole(path, "specifying one of OnExitCodes and OnPodConditions is required", errors),
        _ => {}
    }
}

fn exit_codes(spec: &JobSpec, codes: &PodFailurePolicyOnExitCodesRequirement, path: &Path, errors: &mut ErrorList) {
    required_word(&codes.operator, &OPERATORS, &path.child("operator"), errors);
    if let Some(name) = &codes.container_name {
        let pod = spec.template.spec.as_ref();
        let mut containers = pod.into_iter().flat_map(|pod| pod.containers.iter().chain(pod.init_containers.iter().flatten()));
        if !containers.any(|container| container.name == *name) {
            let why = "must be one of the container or initContainer names in the pod template";
            errors.invalid(&path.child("containerName"), name, why);
        }
    }
    let at = path.child("values");
    if codes.values.is_empty() {
        errors.invalid(&at, json!(codes.values), "at least one value is required");
    }
    at_most(codes.values.len(), EXIT_CODES, &at, errors);
    for (index, code) in codes.values.iter().enumerate() {
        if codes.operator == "In" && *code == 0 {
            errors.invalid(&at.index(index), *code, "must not be 0 for the In operator");
        }
        if codes.values[..index].contains(code) {
            errors.duplicate(&at.index(index), *code);
        }
    }
    if !codes.values.is_sorted() {
        errors.invalid(&at, json!(codes.values), "must be ordered");
    }
}

fn pod_conditions(patterns: &[PodFailurePolicyOnPodConditionsPattern], path: &Path, errors: &mut ErrorList) {
    at_most(patterns.len(), PATTERNS, path, errors);
    for (index, pattern) in patterns.iter().enumerate() {
        let at = path.index(index);
        errors.invalid_each(&at.child("type"), &pattern.type_, qualified_name(&pattern.type_));
        required_word(pattern.status.as_deref().unwrap_or_default(), &STATUSES, &at.child("status"), errors);
    }
}

pub fn pod_replacement_policy(spec: &JobSpec, path: &Path, errors: &mut ErrorList) {
    let known: &[&str] = if spec.pod_failure_policy.is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    one_of(spec.pod_replacement_policy.as_deref(), known, path, errors);
}

/// Of an indexed job.
pub fn success_policy(policy: &SuccessPolicy, completions: i32, path: &Path, errors: &mut ErrorList) {
    let at = path.child("rules");
    if policy.rules.is_empty() {
        errors.required(&at, "at least one rules must be specified when the successPolicy is specified");
    }
    at_most(policy.rules.len(), RULES, &at, errors);
    for (index, rule) in policy.rules.iter().enumerate() {
        success_rule(rule, completions, &at.index(index), errors);
    }
}

fn success_rule(rule: &SuccessPolicyRule, completions: i32, path: &Path, errors: &mut ErrorList) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        errors.required(path, "at least one of succeededCount or succeededIndexes must be specified");
    }
    let mut total = None;
    if let Some(text) = &rule.succeeded_indexes {
        let at = path.child("succeededIndexes");
        if text.len() > INDEXES_LENGTH {
            errors.too_long(&at, INDEXES_LENGTH);
        }
        let indexes = Indexes::parse(text, completions);
        total = Some(indexes.as_ref().map_or(0, Indexes::count));
        if let Err(why) = indexes {
            errors.invalid(&at, text, &format!("error parsing succeededIndexes: {why}"));
        }
    }
    if let Some(count) = rule.succeeded_count {
        let at = path.child("succeededCount");
        not_negative(Some(count), &at, errors);
        if count > completions {
            let why = format!("must be less than or equal to {completions} (the number of specified completions)");
            errors.invalid(&at, count, &why);
        }
        if let Some(total) = total.filter(|total| i64::from(count) > *total) {
            let why = format!("must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)");
            errors.invalid(&at, count, &why);
        }
    }
}

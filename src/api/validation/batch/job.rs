//! Jobs.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Affinity, PodTemplateSpec};
use serde_json::json;

use super::policies::{pod_failure_policy, pod_replacement_policy, success_policy};
use super::{CONTROLLER_UID, INDEXED, JOB_NAME, LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME};
use crate::api::validation::format::{dns_label, dns_subdomain};
use crate::api::validation::label_selector::{label_selector, picks};
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::pod::{name_warnings, struct_of, template_spec, template_warnings};
use crate::api::validation::words::one_of;
use crate::api::validation::{ErrorList, IMMUTABLE, NameForm, Path};

/// Pods of an indexed job that may run at once, and indexes that may fail.
const INDEXED_LIMIT: i32 = 100_000;
/// With more completions than that, far fewer.
const MANY_COMPLETIONS: i32 = 100_000;
const LIMIT_FOR_MANY: i32 = 10_000;
const MANAGER_LENGTH: usize = 63;
const PATH_OF_URL: &str = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

pub fn job(job: &Job) -> ErrorList {
    judge(job, true)
}

/// `prefixed`: whether the labels must be there by their new names.
fn judge(job: &Job, prefixed: bool) -> ErrorList {
    let mut errors = object_meta(&job.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    let empty = JobSpec::default();
    let spec = job.spec.as_ref().unwrap_or(&empty);
    generated_selector(job, spec, prefixed, &mut errors);
    selecting_spec(spec, &mut errors);
    let name = job.metadata.name.as_deref().unwrap_or_default();
    if let Some(completions) = spec.completions.filter(|completions| is_indexed(spec) && *completions > 0) {
        // The pods' hostnames end in their index.
        let last = format!("{name}-{}", completions - 1);
        if !dns_label(&last).is_empty() {
            let path = Path::new("metadata");
            errors.invalid(&path.child("name"), name, &format!("will not able to create pod with invalid DNS label: {last}"));
        }
    }
    errors
}

fn labels(template: &PodTemplateSpec) -> Option<&BTreeMap<String, String>> {
    template.metadata.as_ref()?.labels.as_ref()
}

/// Who does not select by hand, selects what bears the job's UID and nothing else.
fn generated_selector(job: &Job, spec: &JobSpec, prefixed: bool, errors: &mut ErrorList) {
    let Some(selector) = spec.selector.as_ref().filter(|_| spec.manual_selector != Some(true)) else { return };
    let (name, uid) = (job.metadata.name.as_deref().unwrap_or_default(), job.metadata.uid.as_deref().unwrap_or_default());
    if uid.is_empty() {
        errors.required(&Path::new("metadata").child("uid"), "");
    }
    let mut expected = vec![(LEGACY_CONTROLLER_UID, uid), (LEGACY_JOB_NAME, name)];
    if prefixed {
        expected.extend([(CONTROLLER_UID, uid), (JOB_NAME, name)]);
    }
    let path = Path::new("spec");
    let path = path.child("template");
    let path = path.child("metadata");
    for (label, value) in &expected {
        has_label(labels(&spec.template), label, value, &path.child("labels"), errors);
    }
    let expected = expected.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    if picks(Some(selector), &expected) == Some(false) {
        errors.invalid(&Path::new("spec").child("selector"), selector, "`selector` not auto-generated");
    }
}

fn has_label(labels: Option<&BTreeMap<String, String>>, label: &str, value: &str, path: &Path, errors: &mut ErrorList) {
    let actual = labels.and_then(|labels| labels.get(label));
    let why = format!("must be '{value}'");
    if actual.is_none() {
        errors.required(&path.key(label), &why);
    }
    if actual.map_or("", String::as_str) != value {
        errors.invalid(&path.key(label), json!(labels), &why);
    }
}

fn selecting_spec(spec: &JobSpec, errors: &mut ErrorList) {
    let path = Path::new("spec");
    job_spec(spec, &path, errors);
    if spec.selector.is_none() {
        errors.required(&path.child("selector"), "");
    }
    label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    let own = labels(&spec.template);
    if picks(spec.selector.as_ref(), own.unwrap_or(&BTreeMap::new())) == Some(false) {
        let path = path.child("template");
        let path = path.child("metadata");
        errors.invalid(&path.child("labels"), json!(own), "`selector` does not match template `labels`");
    }
}

pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some(INDEXED)
}

/// What jobs and the templates of jobs have in common.
pub(super) fn job_spec(spec: &JobSpec, path: &Path, errors: &mut ErrorList) {
    not_negative(spec.parallelism, &path.child("parallelism"), errors);
    not_negative(spec.completions, &path.child("completions"), errors);
    not_negative(spec.active_deadline_seconds, &path.child("activeDeadlineSeconds"), errors);
    not_negative(spec.backoff_limit, &path.child("backoffLimit"), errors);
    not_negative(spec.ttl_seconds_after_finished, &path.child("ttlSecondsAfterFinished"), errors);
    not_negative(spec.backoff_limit_per_index, &path.child("backoffLimitPerIndex"), errors);
    not_negative(spec.max_failed_indexes, &path.child("maxFailedIndexes"), errors);
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        errors.required(&path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    if let Some(manager) = spec.managed_by.as_deref() {
        let at = path.child("managedBy");
        domain_prefixed_path(manager, &at, errors);
        if manager.len() > MANAGER_LENGTH {
            errors.too_long(&at, MANAGER_LENGTH);
        }
    }
    one_of(spec.completion_mode.as_deref(), &["NonIndexed", INDEXED], &path.child("completionMode"), errors);
    if is_indexed(spec) {
        indexed(spec, path, errors);
    } else if matches!(spec.completion_mode.as_deref(), None | Some("NonIndexed")) {
        for (field, limit) in [("backoffLimitPerIndex", spec.backoff_limit_per_index), ("maxFailedIndexes", spec.max_failed_indexes)] {
            if let Some(limit) = limit {
                errors.invalid(&path.child(field), limit, "requires indexed completion mode");
            }
        }
    }
    pod_failure_policy(spec, &path.child("podFailurePolicy"), errors);
    match &spec.success_policy {
        Some(policy) if !is_indexed(spec) => {
            errors.invalid(&path.child("successPolicy"), struct_of(policy), "requires indexed completion mode");
        }
        Some(policy) => success_policy(policy, spec.completions.unwrap_or_default(), &path.child("successPolicy"), errors),
        None => {}
    }
    pod_replacement_policy(spec, &path.child("podReplacementPolicy"), errors);
    let at = path.child("template");
    template_spec(&spec.template, &at, errors);
    restart_policy(spec, &at.child("spec").child("restartPolicy"), errors);
}

/// How far a job may go whose pods are told apart by their index.
fn indexed(spec: &JobSpec, path: &Path, errors: &mut ErrorList) {
    let over = |value: Option<i32>, most: i32| value.filter(|value| *value > most);
    if spec.completions.is_none() {
        errors.required(&path.child("completions"), "when completion mode is Indexed");
    }
    if let Some(parallelism) = over(spec.parallelism, INDEXED_LIMIT) {
        let why = format!("must be less than or equal to {INDEXED_LIMIT} when completion mode is Indexed");
        errors.invalid(&path.child("parallelism"), parallelism, &why);
    }
    let at = path.child("maxFailedIndexes");
    if let Some(failed) = spec.completions.and_then(|completions| over(spec.max_failed_indexes, completions)) {
        errors.invalid(&at, failed, "must be less than or equal to completions");
    }
    if let Some(failed) = over(spec.max_failed_indexes, INDEXED_LIMIT) {
        errors.invalid(&at, failed, &format!("must be less than or equal to {INDEXED_LIMIT}"));
    }
    if over(spec.completions, MANY_COMPLETIONS).is_none() || spec.backoff_limit_per_index.is_none() {
        return;
    }
    if spec.max_failed_indexes.is_none() {
        errors.required(&at, &format!("must be specified when completions is above {MANY_COMPLETIONS}"));
    }
    for (field, value) in [("parallelism", spec.parallelism), ("maxFailedIndexes", spec.max_failed_indexes)] {
        if let Some(value) = over(value, LIMIT_FOR_MANY) {
            let why = format!(
                "must be less than or equal to {LIMIT_FOR_MANY} when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
            );
            errors.invalid(&path.child(field), value, &why);
        }
    }
}

/// A job's pods are not restarted for ever. `Always` is what a template says that says nothing.
fn restart_policy(spec: &JobSpec, path: &Path, errors: &mut ErrorList) {
    let policy = spec.template.spec.as_ref().and_then(|pod| pod.restart_policy.as_deref()).unwrap_or_default();
    match policy {
        "" | "Always" => errors.required(path, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            errors.invalid(path, policy, "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        _ => errors.not_supported(path, policy, &["OnFailure", "Never"]),
    }
}

/// A domain, and what is meant within it: `acme.io/foo`.
fn domain_prefixed_path(text: &str, path: &Path, errors: &mut ErrorList) {
    if text.is_empty() {
        return errors.required(path, "");
    }
    let Some((domain, rest)) = text.split_once('/').filter(|(domain, rest)| !domain.is_empty() && !rest.is_empty()) else {
        return errors.invalid(path, text, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    };
    errors.invalid_each(path, domain, dns_subdomain(domain));
    if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte)) {
        errors.invalid(path, rest, PATH_OF_URL);
    }
}

/// Upstream judges the new job as such and as a change.
pub fn job_update(new: &Job, old: &Job) -> ErrorList {
    let empty = JobSpec::default();
    let (spec, before) = (new.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
    let had = |label: &str| labels(&before.template).is_some_and(|labels| labels.contains_key(label));
    let mut errors = judge(new, had(JOB_NAME) && had(CONTROLLER_UID));
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    selecting_spec(spec, &mut errors);
    let path = Path::new("spec");
    completions(spec, before, &path, &mut errors);
    errors.immutable(&path.child("selector"), &spec.selector, &before.selector, spec.selector.as_ref());
    let started = old.status.as_ref().is_some_and(|status| status.start_time.is_some());
    let movable = before.suspend == Some(true) && !started;
    let template = if movable { with_directives(&before.template, &spec.template) } else { before.template.clone() };
    errors.immutable(&path.child("template"), &spec.template, &template, struct_of(&spec.template));
    errors.immutable(&path.child("completionMode"), &spec.completion_mode, &before.completion_mode, &spec.completion_mode);
    let policy = spec.pod_failure_policy.as_ref();
    errors.immutable(&path.child("podFailurePolicy"), &policy, &before.pod_failure_policy.as_ref(), struct_of(&policy));
    let limit = spec.backoff_limit_per_index;
    errors.immutable(&path.child("backoffLimitPerIndex"), &limit, &before.backoff_limit_per_index, json!(limit));
    errors.immutable(&path.child("managedBy"), &spec.managed_by, &before.managed_by, &spec.managed_by);
    let policy = spec.success_policy.as_ref();
    errors.immutable(&path.child("successPolicy"), &policy, &before.success_policy.as_ref(), struct_of(&policy));
    errors
}

/// An indexed job may be made larger or smaller, if its parallelism goes with it.
fn completions(new: &JobSpec, old: &JobSpec, path: &Path, errors: &mut ErrorList) {
    if new.completions == old.completions {
        return;
    }
    let at = path.child("completions");
    match new.completions {
        completions if !is_indexed(new) => errors.invalid(&at, json!(completions), IMMUTABLE),
        Some(completions) if new.parallelism != Some(completions) => {
            errors.invalid(&at, completions, "can only be modified in tandem with spec.parallelism");
        }
        _ => {}
    }
}

/// The old template, with what says where its pods go taken from the new one (KEP-2926).
fn with_directives(old: &PodTemplateSpec, new: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = old.clone();
    let (mut metadata, from) = (template.metadata.unwrap_or_default(), new.metadata.clone().unwrap_or_default());
    (metadata.annotations, metadata.labels) = (from.annotations, from.labels);
    template.metadata = (new.metadata.is_some() || metadata != Default::default()).then_some(metadata);
    if let (Some(pod), Some(new)) = (&mut template.spec, &new.spec) {
        pod.affinity = match (pod.affinity.take(), &new.affinity) {
            (Some(old), None) => {
                let rest = Affinity { node_affinity: None, ..old };
                (rest != Affinity::default()).then_some(rest)
            }
            (old, Some(new)) => Some(Affinity { node_affinity: new.node_affinity.clone(), ..old.unwrap_or_default() }),
            (None, None) => None,
        };
        pod.node_selector.clone_from(&new.node_selector);
        pod.tolerations.clone_from(&new.tolerations);
        pod.scheduling_gates.clone_from(&new.scheduling_gates);
    }
    template
}

pub fn job_warnings(new: &Job, old: Option<&Job>) -> Vec<String> {
    let mut found = if old.is_none() { name_warnings(new.metadata.name.as_deref()) } else { Vec::new() };
    if let Some(spec) = &new.spec
        && old.is_none_or(|old| old.metadata.generation != new.metadata.generation)
    {
        found.extend(spec_warnings(spec, &Path::new("spec")));
    }
    found
}

pub(super) fn spec_warnings(spec: &JobSpec, path: &Path) -> Vec<String> {
    let over = |value: Option<i32>, most: i32| value.is_some_and(|value| value > most);
    let mut found = Vec::new();
    if is_indexed(spec) && over(spec.completions, MANY_COMPLETIONS) && over(spec.parallelism, LIMIT_FOR_MANY) {
        found.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be \
             able to track completedIndexes when a big number of indexes fail"
        ));
    }
    found.extend(template_warnings(&spec.template, &path.child("template")));
    found
}

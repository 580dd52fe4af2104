//! What keeps pods running: Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision.

mod controller_revision;
mod daemon_set;
mod deployment;
mod replica_set;
mod stateful_set;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;
use serde_json::json;

pub use controller_revision::{controller_revision, controller_revision_update};
pub use daemon_set::{daemon_set, daemon_set_status_update, daemon_set_update, daemon_set_warnings};
pub use deployment::{deployment, deployment_status_update, deployment_update, deployment_warnings};
pub use replica_set::{replica_set, replica_set_status_update, replica_set_update, replica_set_warnings};
pub use stateful_set::{stateful_set, stateful_set_status_update, stateful_set_update, stateful_set_warnings};

use super::label_selector::{self, label_selector};
use super::numbers::not_negative;
use super::pod::{template_spec, template_warnings};
use super::{ErrorList, Path};

/// An object of these kinds. The specifications are read here, for only so an absent selector is told from an empty one.
#[derive(Debug, Deserialize)]
pub struct Workload<Spec, Status> {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default = "Spec::default", bound(deserialize = "Spec: Default + Deserialize<'de>"))]
    spec: Spec,
    #[serde(default = "Status::default", bound(deserialize = "Status: Default + Deserialize<'de>"))]
    status: Status,
}

/// A selector that must be there and must not select everything.
fn required_selector(selector: Option<&LabelSelector>, of: &str, path: &Path, errors: &mut ErrorList) {
    let Some(given) = selector else { return errors.required(path, "") };
    label_selector(selector, path, errors);
    if label_selector::is_empty(given) {
        errors.invalid(path, given, &format!("empty selector is invalid for {of}"));
    }
}

/// Which pods are its own does not change.
fn lasting_selector(new: Option<&LabelSelector>, old: Option<&LabelSelector>, errors: &mut ErrorList) {
    errors.immutable(&Path::new("spec").child("selector"), &new, &old, new);
}

fn labels_of(template: &PodTemplateSpec) -> Option<&BTreeMap<String, String>> {
    template.metadata.as_ref()?.labels.as_ref()
}

/// Whether the selector selects what the template makes; `None` if it cannot be. What it misses is reported.
fn selects_template(selector: Option<&LabelSelector>, template: &PodTemplateSpec, path: &Path, errors: &mut ErrorList) -> Option<bool> {
    let labels = labels_of(template);
    let picks = label_selector::picks(selector, labels.unwrap_or(&BTreeMap::new()))?;
    if !picks {
        let at = path.child("metadata");
        errors.invalid(&at.child("labels"), json!(labels), "`selector` does not match template `labels`");
    }
    Some(picks)
}

/// The template of pods that run for ever.
fn lasting_template(template: &PodTemplateSpec, of: &str, path: &Path, errors: &mut ErrorList) {
    template_spec(template, path, errors);
    lasting(template, of, path, errors);
}

fn lasting(template: &PodTemplateSpec, of: &str, path: &Path, errors: &mut ErrorList) {
    let pod = template.spec.as_ref();
    let at = path.child("spec");
    let policy = pod.and_then(|pod| pod.restart_policy.as_deref()).unwrap_or_default();
    if policy != "Always" {
        errors.not_supported(&at.child("restartPolicy"), policy, &["Always"]);
    }
    if pod.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        errors.forbidden(&at.child("activeDeadlineSeconds"), &format!("activeDeadlineSeconds in {of} is not Supported"));
    }
}

/// A template within `spec.selector` and `spec.template` of a deployment or replica set.
fn replicated_template(selector: Option<&LabelSelector>, template: &PodTemplateSpec, path: &Path, errors: &mut ErrorList) {
    let at = path.child("template");
    match selects_template(selector, template, &at, errors) {
        None => errors.invalid(&path.child("selector"), selector, "invalid label selector"),
        Some(_) => lasting_template(template, "ReplicaSet", &at, errors),
    }
}

/// Counts that a status reports.
fn counts<N: Into<i64> + Copy>(counts: &[(&str, Option<N>)], path: &Path, errors: &mut ErrorList) {
    for (field, count) in counts {
        not_negative(*count, &path.child(field), errors);
    }
}

/// One count of a status is a part of another.
fn part_of(part: (&str, Option<i32>), whole: Option<i32>, of: &str, path: &Path, errors: &mut ErrorList) {
    let (field, count) = part;
    if let Some(count) = count.filter(|count| *count > whole.unwrap_or_default()) {
        errors.invalid(&path.child(field), count, &format!("cannot be greater than {of}"));
    }
}

/// Names that were taken are counted, and the count only rises.
fn collisions(new: Option<i32>, old: Option<i32>, path: &Path, errors: &mut ErrorList) {
    if old.is_some_and(|old| new.is_none_or(|new| new < old)) {
        errors.invalid(&path.child("collisionCount"), new.unwrap_or_default(), "cannot be decremented");
    }
}

/// Of the template, when it is new or its owner's wish has changed.
fn warnings(metadata: &ObjectMeta, old: Option<&ObjectMeta>, template: &PodTemplateSpec) -> Vec<String> {
    if old.is_some_and(|old| old.generation == metadata.generation) {
        return Vec::new();
    }
    template_warnings(template, &Path::new("spec").child("template"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_are_only_added() {
        for (new, old, wrong) in
            [(None, None, false), (Some(1), None, false), (Some(2), Some(1), false), (None, Some(1), true), (Some(0), Some(1), true)]
        {
            let mut errors = ErrorList::default();
            collisions(new, old, &Path::new("status"), &mut errors);
            assert_eq!(!errors.is_empty(), wrong, "{new:?} after {old:?}");
        }
    }
}

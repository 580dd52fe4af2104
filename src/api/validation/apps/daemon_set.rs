//! Daemon sets.

use k8s_openapi::api::apps::v1::{DaemonSetStatus, DaemonSetUpdateStrategy, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{Workload, collisions, counts, lasting_selector, lasting_template, selects_template};
use crate::api::validation::int_or_percent::{amount, not_more_than_all, number_or_share};
use crate::api::validation::label_selector::{is_empty, label_selector};
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::pod::{struct_of, template_warnings};
use crate::api::validation::{ErrorList, NameForm, Path};

pub type DaemonSet = Workload<Spec, DaemonSetStatus>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    selector: Option<LabelSelector>,
    template: PodTemplateSpec,
    update_strategy: DaemonSetUpdateStrategy,
    min_ready_seconds: Option<i32>,
    revision_history_limit: Option<i32>,
}

pub fn daemon_set(set: &DaemonSet) -> ErrorList {
    let mut errors = object_meta(&set.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(&set.spec, &mut errors);
    errors
}

pub fn daemon_set_update(new: &DaemonSet, old: &DaemonSet) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    lasting_selector(new.spec.selector.as_ref(), old.spec.selector.as_ref(), &mut errors);
    spec(&new.spec, &mut errors);
    errors
}

fn spec(spec: &Spec, errors: &mut ErrorList) {
    let path = Path::new("spec");
    let selector = spec.selector.as_ref();
    label_selector(selector, &path.child("selector"), errors);
    let at = path.child("template");
    // What cannot be has been reported above.
    let _ = selects_template(selector, &spec.template, &at, errors);
    if let Some(selector) = selector.filter(|selector| is_empty(selector)) {
        errors.invalid(&path.child("selector"), selector, "empty selector is invalid for daemonset");
    }
    lasting_template(&spec.template, "DaemonSet", &at, errors);
    not_negative(spec.min_ready_seconds, &path.child("minReadySeconds"), errors);
    strategy(&spec.update_strategy, &path.child("updateStrategy"), errors);
    not_negative(spec.revision_history_limit, &path.child("revisionHistoryLimit"), errors);
}

fn strategy(strategy: &DaemonSetUpdateStrategy, path: &Path, errors: &mut ErrorList) {
    match (strategy.type_.as_deref(), &strategy.rolling_update) {
        (Some("OnDelete"), _) => {}
        (Some("RollingUpdate"), None) => errors.required(&path.child("rollingUpdate"), ""),
        (Some("RollingUpdate"), Some(update)) => rolling_update(update, &path.child("rollingUpdate"), errors),
        _ => errors.not_supported(path, struct_of(strategy), &["RollingUpdate", "OnDelete"]),
    }
}

/// Either the old pod goes first or the new one comes first.
fn rolling_update(update: &RollingUpdateDaemonSet, path: &Path, errors: &mut ErrorList) {
    let none = IntOrString::Int(0);
    let (unavailable, surge) = (update.max_unavailable.as_ref().unwrap_or(&none), update.max_surge.as_ref().unwrap_or(&none));
    let both = [(unavailable, path.child("maxUnavailable")), (surge, path.child("maxSurge"))];
    for (bound, at) in &both {
        number_or_share(bound, at, errors);
    }
    for (bound, at) in &both {
        not_more_than_all(bound, at, errors);
    }
    match (amount(unavailable) != 0, amount(surge) != 0) {
        (true, true) => errors.invalid(&path.child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero"),
        (false, false) => errors.required(&path.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}

pub fn daemon_set_status_update(new: &DaemonSet, old: &DaemonSet) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (status, path) = (&new.status, Path::new("status"));
    let scheduled = [
        ("currentNumberScheduled", Some(status.current_number_scheduled)),
        ("numberMisscheduled", Some(status.number_misscheduled)),
        ("desiredNumberScheduled", Some(status.desired_number_scheduled)),
        ("numberReady", Some(status.number_ready)),
    ];
    counts(&scheduled, &path, &mut errors);
    not_negative(status.observed_generation, &path.child("observedGeneration"), &mut errors);
    let running = [
        ("updatedNumberScheduled", status.updated_number_scheduled),
        ("numberAvailable", status.number_available),
        ("numberUnavailable", status.number_unavailable),
        ("collisionCount", status.collision_count),
    ];
    counts(&running, &path, &mut errors);
    collisions(status.collision_count, old.status.collision_count, &path, &mut errors);
    errors
}

/// Only of a template that is new.
pub fn daemon_set_warnings(new: &DaemonSet, old: Option<&DaemonSet>) -> Vec<String> {
    if old.is_some_and(|old| old.spec.template == new.spec.template) {
        return Vec::new();
    }
    template_warnings(&new.spec.template, &Path::new("spec").child("template"))
}

//! Deployments.

use k8s_openapi::api::apps::v1::{DeploymentStatus, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{Workload, collisions, counts, lasting_selector, part_of, replicated_template, required_selector, warnings};
use crate::api::validation::int_or_percent::{amount, not_more_than_all, number_or_share};
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::pod::{name_warnings, struct_of};
use crate::api::validation::{ErrorList, NameForm, Path};

pub type Deployment = Workload<Spec, DeploymentStatus>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    replicas: Option<i32>,
    selector: Option<LabelSelector>,
    template: PodTemplateSpec,
    strategy: DeploymentStrategy,
    min_ready_seconds: Option<i32>,
    revision_history_limit: Option<i32>,
    progress_deadline_seconds: Option<i32>,
}

pub fn deployment(deployment: &Deployment) -> ErrorList {
    let mut errors = object_meta(&deployment.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(&deployment.spec, &mut errors);
    errors
}

pub fn deployment_update(new: &Deployment, old: &Deployment) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    spec(&new.spec, &mut errors);
    lasting_selector(new.spec.selector.as_ref(), old.spec.selector.as_ref(), &mut errors);
    errors
}

fn spec(spec: &Spec, errors: &mut ErrorList) {
    let path = Path::new("spec");
    not_negative(spec.replicas, &path.child("replicas"), errors);
    required_selector(spec.selector.as_ref(), "deployment", &path.child("selector"), errors);
    replicated_template(spec.selector.as_ref(), &spec.template, &path, errors);
    strategy(&spec.strategy, &path.child("strategy"), errors);
    not_negative(spec.min_ready_seconds, &path.child("minReadySeconds"), errors);
    not_negative(spec.revision_history_limit, &path.child("revisionHistoryLimit"), errors);
    if let Some(deadline) = spec.progress_deadline_seconds {
        let at = path.child("progressDeadlineSeconds");
        not_negative(Some(deadline), &at, errors);
        if deadline <= spec.min_ready_seconds.unwrap_or_default() {
            errors.invalid(&at, deadline, "must be greater than minReadySeconds");
        }
    }
}

fn strategy(strategy: &DeploymentStrategy, path: &Path, errors: &mut ErrorList) {
    let at = path.child("rollingUpdate");
    match (strategy.type_.as_deref(), &strategy.rolling_update) {
        (Some("Recreate"), Some(_)) => errors.forbidden(&at, "may not be specified when strategy `type` is 'Recreate'"),
        (Some("Recreate"), None) => {}
        (Some("RollingUpdate"), None) => errors.required(&at, "this should be defaulted and never be nil"),
        (Some("RollingUpdate"), Some(update)) => rolling_update(update, &at, errors),
        _ => errors.not_supported(path, struct_of(strategy), &["Recreate", "RollingUpdate"]),
    }
}

fn rolling_update(update: &RollingUpdateDeployment, path: &Path, errors: &mut ErrorList) {
    let none = IntOrString::Int(0);
    let (unavailable, surge) = (update.max_unavailable.as_ref().unwrap_or(&none), update.max_surge.as_ref().unwrap_or(&none));
    let at = path.child("maxUnavailable");
    number_or_share(unavailable, &at, errors);
    number_or_share(surge, &path.child("maxSurge"), errors);
    if amount(unavailable) == 0 && amount(surge) == 0 {
        errors.invalid(&at, unavailable, "may not be 0 when `maxSurge` is 0");
    }
    not_more_than_all(unavailable, &at, errors);
}

pub fn deployment_status_update(new: &Deployment, old: &Deployment) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (status, path) = (&new.status, Path::new("status"));
    not_negative(status.observed_generation, &path.child("observedGeneration"), &mut errors);
    let [updated, ready, available] = [
        ("updatedReplicas", status.updated_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    counts(&[("replicas", status.replicas), updated, ready, available], &path, &mut errors);
    let others = [
        ("unavailableReplicas", status.unavailable_replicas),
        ("terminatingReplicas", status.terminating_replicas),
        ("collisionCount", status.collision_count),
    ];
    counts(&others, &path, &mut errors);
    for part in [updated, ready, available] {
        part_of(part, status.replicas, "status.replicas", &path, &mut errors);
    }
    part_of(available, status.ready_replicas, "readyReplicas", &path, &mut errors);
    collisions(status.collision_count, old.status.collision_count, &path, &mut errors);
    errors
}

pub fn deployment_warnings(new: &Deployment, old: Option<&Deployment>) -> Vec<String> {
    let of_name = if old.is_none() { name_warnings(new.metadata.name.as_deref()) } else { Vec::new() };
    let of_template = warnings(&new.metadata, old.map(|old| &old.metadata), &new.spec.template);
    [of_name, of_template].concat()
}

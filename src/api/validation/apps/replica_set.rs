//! Replica sets.

use k8s_openapi::api::apps::v1::ReplicaSetStatus;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use super::{Workload, counts, lasting_selector, part_of, replicated_template, required_selector, warnings};
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::pod::name_warnings;
use crate::api::validation::{ErrorList, NameForm, Path};

pub type ReplicaSet = Workload<Spec, ReplicaSetStatus>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    replicas: Option<i32>,
    min_ready_seconds: Option<i32>,
    selector: Option<LabelSelector>,
    template: PodTemplateSpec,
}

pub fn replica_set(set: &ReplicaSet) -> ErrorList {
    let mut errors = object_meta(&set.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(&set.spec, &mut errors);
    errors
}

pub fn replica_set_update(new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    spec(&new.spec, &mut errors);
    lasting_selector(new.spec.selector.as_ref(), old.spec.selector.as_ref(), &mut errors);
    errors
}

/// Upstream takes the word for the selector from deployments.
fn spec(spec: &Spec, errors: &mut ErrorList) {
    let path = Path::new("spec");
    not_negative(spec.replicas, &path.child("replicas"), errors);
    not_negative(spec.min_ready_seconds, &path.child("minReadySeconds"), errors);
    required_selector(spec.selector.as_ref(), "deployment", &path.child("selector"), errors);
    replicated_template(spec.selector.as_ref(), &spec.template, &path, errors);
}

pub fn replica_set_status_update(new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (status, path) = (&new.status, Path::new("status"));
    let [labelled, ready, available] = [
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    counts(&[("replicas", Some(status.replicas)), labelled, ready, available], &path, &mut errors);
    not_negative(status.observed_generation, &path.child("observedGeneration"), &mut errors);
    not_negative(status.terminating_replicas, &path.child("terminatingReplicas"), &mut errors);
    for part in [labelled, ready, available] {
        part_of(part, Some(status.replicas), "status.replicas", &path, &mut errors);
    }
    part_of(available, status.ready_replicas, "readyReplicas", &path, &mut errors);
    errors
}

pub fn replica_set_warnings(new: &ReplicaSet, old: Option<&ReplicaSet>) -> Vec<String> {
    let of_name = if old.is_none() { name_warnings(new.metadata.name.as_deref()) } else { Vec::new() };
    let of_template = warnings(&new.metadata, old.map(|old| &old.metadata), &new.spec.template);
    [of_name, of_template].concat()
}

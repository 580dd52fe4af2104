//! Stateful sets.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSetOrdinals, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetStatus,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::json;

use super::{Workload, collisions, counts, lasting, part_of, required_selector, selects_template, warnings};
use crate::api::validation::format::dns_label;
use crate::api::validation::int_or_percent::{amount, not_more_than_all, number_or_share};
use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::persistent_volume_claim::claim_spec;
use crate::api::validation::pod::{struct_of, template_metadata, template_spec};
use crate::api::validation::words::one_of;
use crate::api::validation::{ErrorList, NameForm, Path, resources};

pub type StatefulSet = Workload<Spec, StatefulSetStatus>;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    pod_management_policy: Option<String>,
    update_strategy: StatefulSetUpdateStrategy,
    persistent_volume_claim_retention_policy: Option<StatefulSetPersistentVolumeClaimRetentionPolicy>,
    replicas: Option<i32>,
    min_ready_seconds: Option<i32>,
    ordinals: Option<StatefulSetOrdinals>,
    service_name: Option<String>,
    selector: Option<LabelSelector>,
    template: PodTemplateSpec,
    revision_history_limit: Option<i32>,
    volume_claim_templates: Vec<PersistentVolumeClaim>,
}

/// What of a specification is judged. What was not judged in former times is not held against a set that exists.
#[derive(Clone, Copy)]
struct Scope {
    pod: bool,
    claims: bool,
    service_name: bool,
}

pub fn stateful_set(set: &StatefulSet) -> ErrorList {
    let mut errors = object_meta(&set.metadata, true, NameForm::Label, &Path::new("metadata"));
    spec(&set.spec, Scope { pod: true, claims: true, service_name: true }, &mut errors);
    errors
}

const MUTABLE: &str = "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
'minReadySeconds'";

pub fn stateful_set_update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let mut before = ErrorList::default();
    let scope = Scope { pod: true, claims: false, service_name: false };
    spec(&old.spec, scope, &mut before);
    spec(&new.spec, Scope { pod: before.is_empty(), ..scope }, &mut errors);
    let fixed = Spec {
        replicas: new.spec.replicas,
        ordinals: new.spec.ordinals.clone(),
        template: new.spec.template.clone(),
        update_strategy: new.spec.update_strategy.clone(),
        revision_history_limit: new.spec.revision_history_limit,
        persistent_volume_claim_retention_policy: new.spec.persistent_volume_claim_retention_policy.clone(),
        min_ready_seconds: new.spec.min_ready_seconds,
        ..old.spec.clone()
    };
    if fixed != new.spec {
        errors.forbidden(&Path::new("spec"), &format!("updates to statefulset spec for fields other than {MUTABLE} are forbidden"));
    }
    errors
}

fn spec(spec: &Spec, scope: Scope, errors: &mut ErrorList) {
    let path = Path::new("spec");
    let at = path.child("podManagementPolicy");
    match spec.pod_management_policy.as_deref().unwrap_or_default() {
        "" => errors.required(&at, ""),
        "OrderedReady" | "Parallel" => {}
        other => errors.invalid(&at, other, "must be 'OrderedReady' or 'Parallel'"),
    }
    strategy(&spec.update_strategy, &path.child("updateStrategy"), errors);
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let at = path.child("persistentVolumeClaimRetentionPolicy");
        for (field, word) in [("whenDeleted", &policy.when_deleted), ("whenScaled", &policy.when_scaled)] {
            one_of(Some(word.as_deref().unwrap_or_default()), &["Retain", "Delete"], &at.child(field), errors);
        }
    }
    not_negative(spec.replicas, &path.child("replicas"), errors);
    not_negative(spec.min_ready_seconds, &path.child("minReadySeconds"), errors);
    not_negative(spec.ordinals.as_ref().and_then(|ordinals| ordinals.start), &path.child("ordinals").child("start"), errors);
    if let Some(name) = spec.service_name.as_deref().filter(|name| scope.service_name && !name.is_empty()) {
        errors.invalid_each(&path.child("serviceName"), name, dns_label(name));
    }
    if scope.claims {
        for (index, claim) in spec.volume_claim_templates.iter().enumerate() {
            let at = path.child("volumeClaimTemplates");
            claim_spec(&claim.spec.clone().unwrap_or_default(), &at.index(index).child("spec"), errors);
        }
    }
    required_selector(spec.selector.as_ref(), "statefulset", &path.child("selector"), errors);
    let at = path.child("template");
    match selects_template(spec.selector.as_ref(), &spec.template, &at, errors) {
        None => errors.invalid(&path.child("selector"), spec.selector.as_ref(), ""),
        // Upstream judges the metadata of a template that is judged twice.
        Some(_) => {
            if scope.pod {
                template_spec(&as_made(spec), &at, errors);
            }
            template_metadata(&spec.template, &at, errors);
        }
    }
    lasting(&spec.template, "StatefulSet", &at, errors);
}

/// The template as pods are made from it: the set names them, and each claim is also a volume, in the place of one of that name.
fn as_made(spec: &Spec) -> PodTemplateSpec {
    let mut template = spec.template.clone();
    let names = spec.volume_claim_templates.iter().filter_map(|claim| claim.metadata.name.clone());
    let volume = |name: String| Volume {
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource { claim_name: name.clone(), read_only: None }),
        name,
        ..Volume::default()
    };
    let mut volumes: Vec<Volume> = names.map(volume).collect();
    if let Some(pod) = &mut template.spec {
        (pod.hostname, pod.subdomain) = (None, None);
        let others = pod.volumes.take().unwrap_or_default().into_iter();
        let others: Vec<Volume> = others.filter(|other| volumes.iter().all(|claimed| claimed.name != other.name)).collect();
        volumes.extend(others);
        pod.volumes = Some(volumes);
    }
    template
}

fn strategy(strategy: &StatefulSetUpdateStrategy, path: &Path, errors: &mut ErrorList) {
    match (strategy.type_.as_deref().unwrap_or_default(), &strategy.rolling_update) {
        ("", _) => errors.required(path, ""),
        ("OnDelete", Some(update)) => {
            let shown = json!({"Partition": update.partition.unwrap_or_default(), "MaxUnavailable": update.max_unavailable});
            errors.invalid(&path.child("rollingUpdate"), shown, "only allowed for updateStrategy 'RollingUpdate'");
        }
        ("RollingUpdate", Some(update)) => rolling_update(update, &path.child("rollingUpdate"), errors),
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => errors.invalid(path, struct_of(strategy), "must be 'RollingUpdate' or 'OnDelete'"),
    }
}

fn rolling_update(update: &RollingUpdateStatefulSetStrategy, path: &Path, errors: &mut ErrorList) {
    not_negative(update.partition, &path.child("partition"), errors);
    if let Some(unavailable) = &update.max_unavailable {
        let at = path.child("maxUnavailable");
        number_or_share(unavailable, &at, errors);
        if amount(unavailable) == 0 {
            errors.invalid(&at, unavailable, "cannot be 0");
        }
        not_more_than_all(unavailable, &at, errors);
    }
}

/// Upstream judges the status first.
pub fn stateful_set_status_update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errors = ErrorList::default();
    let (status, path) = (&new.status, Path::new("status"));
    let [ready, current, updated, available] = [
        ("readyReplicas", status.ready_replicas),
        ("currentReplicas", status.current_replicas),
        ("updatedReplicas", status.updated_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    counts(&[("replicas", Some(status.replicas)), ready, current, updated, available], &path, &mut errors);
    not_negative(status.observed_generation, &path.child("observedGeneration"), &mut errors);
    not_negative(status.collision_count, &path.child("collisionCount"), &mut errors);
    for part in [ready, current, updated, available] {
        part_of(part, Some(status.replicas), "status.replicas", &path, &mut errors);
    }
    part_of(available, status.ready_replicas, "status.readyReplicas", &path, &mut errors);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    collisions(status.collision_count, old.status.collision_count, &path, &mut errors);
    errors
}

pub fn stateful_set_warnings(new: &StatefulSet, old: Option<&StatefulSet>) -> Vec<String> {
    let mut found = warnings(&new.metadata, old.map(|old| &old.metadata), &new.spec.template);
    let path = Path::new("spec");
    for (index, claim) in new.spec.volume_claim_templates.iter().enumerate() {
        let requests = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
        let storage = requests.and_then(|requests| requests.get("storage")).map(resources::amount);
        if let Some(storage) = storage.filter(|storage| storage.milli_value() % 1000 != 0) {
            let at = path.child("volumeClaimTemplates");
            let at = at.index(index);
            // Upstream leaves the field out for a new set, and writes it so for a changed one.
            let changed = at.child("Spec");
            let at = if old.is_none() { &at } else { &changed };
            let at = at.child("resources");
            let at = at.child("requests");
            found.push(format!("{}: fractional byte value \"{storage}\" is invalid, must be an integer", at.key("storage")));
        }
    }
    if new.spec.revision_history_limit.is_some_and(|limit| limit < 0) {
        found.push("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended".to_owned());
    }
    found
}

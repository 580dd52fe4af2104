//! What of a pod may change: by an update, by a resize, by the kubelet.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec, Toleration};

use super::{container, metadata_and_spec, placement};
use crate::api::validation::difference::difference;
use crate::api::validation::format::{dns_subdomain, ip};
use crate::api::validation::object_meta::object_meta_update;
use crate::api::validation::{ErrorList, Path};

const MUTABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub fn pod_update(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(metadata_and_spec(new, Some(old)));
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return errors };
    let path = Path::new("spec");
    let none = Vec::new();
    let init = |spec: &'_ PodSpec| spec.init_containers.clone().unwrap_or_default();
    if !images(&new.containers, &old.containers, &path.child("containers"), &mut errors)
        || !images(&init(new), &init(old), &path.child("initContainers"), &mut errors)
        || !deadline(new.active_deadline_seconds, old.active_deadline_seconds, &path.child("activeDeadlineSeconds"), &mut errors)
    {
        return errors;
    }
    let tolerations = new.tolerations.as_ref().unwrap_or(&none);
    added_tolerations(tolerations, old.tolerations.as_deref().unwrap_or_default(), &path.child("tolerations"), &mut errors);
    for gate in new.scheduling_gates.iter().flatten().filter(|gate| !old.scheduling_gates.iter().flatten().any(|old| old.name == gate.name))
    {
        let why = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
        errors.forbidden(&path.child("schedulingGates"), &why);
    }
    if new == old {
        return errors;
    }
    let mut allowed = with_old_mutable_fields(new, old);
    if old.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
        narrowed_selection(&mut allowed, old, &path, &mut errors);
    }
    if allowed != *old {
        let why = format!("pod updates may not change fields other than {MUTABLE}\n{}", difference(&allowed, old));
        errors.forbidden(&path, &why);
    }
    errors
}

/// The new specification, with all that may change put back: what still differs may not.
fn with_old_mutable_fields(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut spec = new.clone();
    for (new, old) in spec.containers.iter_mut().zip(&old.containers) {
        new.image.clone_from(&old.image);
    }
    for (new, old) in spec.init_containers.iter_mut().flatten().zip(old.init_containers.iter().flatten()) {
        new.image.clone_from(&old.image);
    }
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.scheduling_gates.clone_from(&old.scheduling_gates);
    spec.tolerations.clone_from(&old.tolerations);
    if old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) && new.termination_grace_period_seconds == Some(1) {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    spec
}

/// A gated pod may still be told to run on fewer nodes.
fn narrowed_selection(new: &mut PodSpec, old: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let empty = BTreeMap::new();
    let selector = new.node_selector.as_ref().unwrap_or(&empty);
    if old.node_selector.iter().flatten().any(|(key, value)| selector.get(key) != Some(value)) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.invalid(&path.child("nodeSelector"), serde_json::json!(selector), why);
    }
    new.node_selector.clone_from(&old.node_selector);
    let has_required = |spec: &PodSpec| {
        let nodes = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
        nodes.is_some_and(|nodes| nodes.required_during_scheduling_ignored_during_execution.is_some())
    };
    if !has_required(old)
        && let Some(affinity) = &mut new.affinity
    {
        affinity.node_affinity = old.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
        if old.affinity.is_none() && *affinity == Default::default() {
            new.affinity = None;
        }
    }
}

/// False if the containers are not the same ones.
fn images(new: &[Container], old: &[Container], path: &Path, errors: &mut ErrorList) -> bool {
    if new.len() != old.len() {
        errors.forbidden(path, "pod updates may not add or remove containers");
        return false;
    }
    for (index, container) in new.iter().enumerate() {
        let at = path.index(index);
        if container.image.as_deref().unwrap_or_default().trim().is_empty() {
            errors.required(&at.child("image"), "");
        } else {
            container::untrimmed_image(container, &at, errors);
        }
    }
    true
}

/// A deadline can be set and brought forward. False if nothing more should be looked at.
fn deadline(new: Option<i64>, old: Option<i64>, path: &Path, errors: &mut ErrorList) -> bool {
    match (new, old) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            errors.invalid(path, new, "must be between 0 and 2147483647, inclusive");
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.invalid(path, new, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            errors.invalid(path, serde_json::Value::Null, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn added_tolerations(new: &[Toleration], old: &[Toleration], path: &Path, errors: &mut ErrorList) {
    let stays = |old: &Toleration| {
        new.iter()
            .any(|new| Toleration { toleration_seconds: None, ..new.clone() } == Toleration { toleration_seconds: None, ..old.clone() })
    };
    if !old.iter().all(stays) {
        return errors.forbidden(path, "existing toleration can not be modified except its tolerationSeconds");
    }
    placement::tolerations(new, path, errors);
}

/// Ephemeral containers can be added, and then stand as they are.
pub fn ephemeral_containers_update(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = metadata_and_spec(new, Some(old));
    let path = Path::new("spec");
    let path = path.child("ephemeralContainers");
    let list = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.ephemeral_containers.clone()).unwrap_or_default();
    let new = list(new);
    for old in list(old) {
        match new.iter().position(|new| new.name == old.name) {
            None => errors.forbidden(&path, &format!("existing ephemeral containers {:?} may not be removed\n", old.name)),
            Some(index) if new[index] != old => {
                let why = format!("existing ephemeral containers {:?} may not be changed\n{}", old.name, difference(&new[index], &old));
                errors.forbidden(&path.index(index), &why);
            }
            Some(_) => {}
        }
    }
    errors
}

/// What containers ask for, of CPU and memory, may change; what they stand for may not.
pub fn pod_resize(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(metadata_and_spec(new, Some(old)));
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else { return errors };
    let path = Path::new("spec");
    let class = |pod: &Pod| pod.status.as_ref().and_then(|status| status.qos_class.clone()).unwrap_or_default();
    if super::qos_class(new_spec) != class(old) {
        errors.invalid(&path, &class(old), "Pod QOS Class may not change as a result of resizing");
    }
    let containers = path.child("containers");
    for (index, (new, old)) in new_spec.containers.iter().zip(&old_spec.containers).enumerate() {
        resized(new, old, &containers.index(index).child("resources"), &mut errors);
    }
    errors
}

fn resized(new: &Container, old: &Container, path: &Path, errors: &mut ErrorList) {
    let (Some(old), new) = (&old.resources, new.resources.clone().unwrap_or_default()) else { return };
    for (field, what, new, old) in [
        ("requests", "resource requests cannot be removed", new.requests.unwrap_or_default(), &old.requests),
        ("limits", "resource limits cannot be removed", new.limits.unwrap_or_default(), &old.limits),
    ] {
        if old.iter().flatten().any(|(name, _)| !new.contains_key(name)) {
            errors.forbidden(&path.child(field), what);
        }
    }
}

/// What a kubelet or a controller reports.
pub fn pod_status_update(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let path = Path::new("status");
    let (new_status, old_status) = (new.status.clone().unwrap_or_default(), old.status.clone().unwrap_or_default());
    if new_status.nominated_node_name != old_status.nominated_node_name {
        let name = new_status.nominated_node_name.as_deref().unwrap_or_default();
        errors.invalid_each(&path.child("nominatedNodeName"), name, dns_subdomain(name).into_iter().filter(|_| !name.is_empty()));
    }
    errors.immutable(&path.child("qosClass"), &new_status.qos_class, &old_status.qos_class, &new_status.qos_class);
    let policy = old.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or_default();
    let lists = [
        ("containerStatuses", &new_status.container_statuses, &old_status.container_statuses),
        ("initContainerStatuses", &new_status.init_container_statuses, &old_status.init_container_statuses),
    ];
    for (field, new, old) in lists {
        if field == "containerStatuses" {
            ended_stays_ended(new.as_deref(), old.as_deref(), policy, &path.child(field), &mut errors);
        }
    }
    for (index, one) in new_status.pod_ips.iter().flatten().enumerate() {
        if let Err(why) = ip(&one.ip) {
            errors.invalid(&path.child("podIPs").index(index), &one.ip, why);
        }
    }
    for (index, one) in new_status.host_ips.iter().flatten().enumerate() {
        if let Err(why) = ip(&one.ip) {
            errors.invalid(&path.child("hostIPs").index(index), &one.ip, why);
        }
    }
    errors
}

/// A container that ended, and that the pod's policy does not restart, does not come back to life.
fn ended_stays_ended(new: Option<&[ContainerStatus]>, old: Option<&[ContainerStatus]>, policy: &str, path: &Path, errors: &mut ErrorList) {
    let ended = |status: &ContainerStatus| status.state.as_ref().and_then(|state| state.terminated.as_ref()).map(|ended| ended.exit_code);
    for (index, old) in old.into_iter().flatten().enumerate() {
        let Some(exit_code) = ended(old) else { continue };
        if policy == "Always" || (policy == "OnFailure" && exit_code != 0) {
            continue;
        }
        if new.into_iter().flatten().any(|new| new.name == old.name && ended(new).is_none()) {
            errors.forbidden(&path.index(index).child("state"), "may not be transitioned to non-terminated state");
        }
    }
}

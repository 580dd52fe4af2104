//! Namespaces, nodes, leases and priority classes.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node, Taint};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::json;

use super::format::{cidr, label_value, qualified_name};
use super::numbers::{not_negative, positive};
use super::object_meta::{kube_finalizer, object_meta, object_meta_update};
use super::pod::TAINT_EFFECTS;
use super::words::{one_of, required_one_of};
use super::{ErrorList, NameForm, Path};

/// The most that a user's class may be worth.
const USER_PRIORITY: i32 = 1_000_000_000;
const SYSTEM_CLASSES: [(&str, i32); 2] = [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

pub fn namespace(namespace: &Namespace) -> ErrorList {
    let mut errors = object_meta(&namespace.metadata, false, NameForm::LabelWithoutDots, &Path::new("metadata"));
    let path = Path::new("spec");
    for finalizer in namespace.spec.iter().flat_map(|spec| spec.finalizers.iter().flatten()) {
        errors.invalid_each(&path.child("finalizers"), finalizer, qualified_name(finalizer));
        kube_finalizer(finalizer, &path.child("finalizers"), &mut errors);
    }
    errors
}

pub fn namespace_update(new: &Namespace, old: &Namespace) -> ErrorList {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
}

/// What the namespace controller lets go of.
pub fn namespace_finalize(new: &Namespace, old: &Namespace) -> ErrorList {
    let mut errors = namespace_update(new, old);
    let path = Path::new("spec");
    let path = path.child("finalizers");
    for (index, finalizer) in new.spec.iter().flat_map(|spec| spec.finalizers.iter().flatten()).enumerate() {
        errors.invalid_each(&path.index(index), finalizer, qualified_name(finalizer));
        kube_finalizer(finalizer, &path.index(index), &mut errors);
    }
    errors
}

pub fn node(node: &Node) -> ErrorList {
    let mut errors = object_meta(&node.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    node_taints(node, &mut errors);
    let path = Path::new("spec");
    for (index, range) in node.spec.iter().flat_map(|spec| spec.pod_cidrs.iter().flatten()).enumerate() {
        if let Some(why) = cidr(range) {
            errors.invalid(&path.child("podCIDRs").index(index), range, why);
        }
    }
    errors
}

/// Upstream reports taints as if they were metadata.
fn node_taints(node: &Node, errors: &mut ErrorList) {
    let taints: Vec<&Taint> = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).collect();
    let path = Path::new("metadata");
    let path = path.child("taints");
    for (index, taint) in taints.iter().enumerate() {
        let at = path.index(index);
        errors.invalid_each(&at.child("key"), &taint.key, qualified_name(&taint.key));
        let value = taint.value.as_deref().unwrap_or_default();
        let wrong = label_value(value);
        if !wrong.is_empty() {
            errors.invalid(&at.child("value"), value, &wrong.join(";"));
        }
        required_one_of(Some(&taint.effect), &TAINT_EFFECTS, &at.child("effect"), errors);
        if taints[..index].iter().any(|other| (&other.key, &other.effect) == (&taint.key, &taint.effect)) {
            let shown = json!({"Key": taint.key, "Value": value, "Effect": taint.effect, "TimeAdded": taint.time_added});
            errors.duplicate_because(&at, shown, "taints must be unique by key and effect pair");
        }
    }
}

/// What was assigned to a node stays.
pub fn node_update(new: &Node, old: &Node) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let path = Path::new("spec");
    if old_spec.pod_cidrs.as_ref().is_some_and(|ranges| !ranges.is_empty()) && new_spec.pod_cidrs != old_spec.pod_cidrs {
        errors.forbidden(&path.child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
    }
    if old_spec.provider_id.as_deref().is_some_and(|id| !id.is_empty()) && new_spec.provider_id != old_spec.provider_id {
        errors.forbidden(&path.child("providerID"), "node updates may not change providerID except from \"\" to valid");
    }
    node_taints(new, &mut errors);
    errors
}

pub fn lease(lease: &Lease) -> ErrorList {
    let mut errors = object_meta(&lease.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    lease_spec(lease, &mut errors);
    errors
}

pub fn lease_update(new: &Lease, old: &Lease) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    lease_spec(new, &mut errors);
    errors
}

fn lease_spec(lease: &Lease, errors: &mut ErrorList) {
    let Some(spec) = &lease.spec else { return };
    let path = Path::new("spec");
    positive(spec.lease_duration_seconds, &path.child("leaseDurationSeconds"), errors);
    not_negative(spec.lease_transitions, &path.child("leaseTransitions"), errors);
}

pub fn priority_class(class: &PriorityClass) -> ErrorList {
    let mut errors = object_meta(&class.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let name = class.metadata.name.as_deref().unwrap_or_default();
    if name.starts_with("system-") {
        let path = Path::new("metadata");
        if let Some(why) = unknown_system_class(class, name) {
            let reserved = "priority class names with 'system-' prefix are reserved for system use only. error: ";
            errors.forbidden(&path.child("name"), &format!("{reserved}{why}"));
        }
    } else if class.value > USER_PRIORITY {
        errors.forbidden(&Path::new("value"), &format!("maximum allowed value of a user defined priority is {USER_PRIORITY}"));
    }
    let policies = ["PreemptLowerPriority", "Never"];
    one_of(class.preemption_policy.as_deref(), &policies, &Path::new("preemptionPolicy"), &mut errors);
    errors
}

fn unknown_system_class(class: &PriorityClass, name: &str) -> Option<String> {
    match SYSTEM_CLASSES.iter().find(|(known, _)| *known == name) {
        None => Some(format!("{name} is not a known system priority class")),
        Some((_, value)) if *value != class.value => Some(format!("value of {name} PriorityClass must be {value}")),
        Some(_) if class.global_default == Some(true) => Some(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => None,
    }
}

pub fn priority_class_update(new: &PriorityClass, old: &PriorityClass) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    if new.value != old.value {
        errors.forbidden(&Path::new("value"), "may not be changed in an update.");
    }
    errors.immutable(&Path::new("preemptionPolicy"), &new.preemption_policy, &old.preemption_policy, &new.preemption_policy);
    errors
}

//! Where a pod may run: affinities, tolerations, spread, gates.

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, PodSchedulingGate, PodSpec, Toleration, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::validation::format::{dns_label, label_value, qualified_name};
use crate::api::validation::label_selector::label_selector;
use crate::api::validation::node_selector::{node_selector, term};
use crate::api::validation::words::one_of;
use crate::api::validation::{ErrorList, Path};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
pub const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub fn affinity(affinity: &Affinity, path: &Path, errors: &mut ErrorList) {
    if let Some(nodes) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(selector) = &nodes.required_during_scheduling_ignored_during_execution {
            node_selector(selector, &path.child(REQUIRED), errors);
        }
        for (index, preferred) in nodes.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate() {
            let at = path.child(PREFERRED);
            let at = at.index(index);
            weight(preferred.weight, &at, errors);
            term(&preferred.preference, false, &at.child("preference"), errors);
        }
    }
    if let Some(pods) = &affinity.pod_affinity {
        let (required, preferred) =
            (&pods.required_during_scheduling_ignored_during_execution, &pods.preferred_during_scheduling_ignored_during_execution);
        pod_terms(required.as_deref(), preferred.as_deref(), &path.child("podAffinity"), errors);
    }
    if let Some(pods) = &affinity.pod_anti_affinity {
        let (required, preferred) =
            (&pods.required_during_scheduling_ignored_during_execution, &pods.preferred_during_scheduling_ignored_during_execution);
        pod_terms(required.as_deref(), preferred.as_deref(), &path.child("podAntiAffinity"), errors);
    }
}

fn pod_terms(required: Option<&[PodAffinityTerm]>, preferred: Option<&[WeightedPodAffinityTerm]>, path: &Path, errors: &mut ErrorList) {
    for (index, term) in required.into_iter().flatten().enumerate() {
        pod_term(term, &path.child(REQUIRED).index(index), errors);
    }
    for (index, preferred) in preferred.into_iter().flatten().enumerate() {
        let at = path.child(PREFERRED);
        let at = at.index(index);
        weight(preferred.weight, &at, errors);
        pod_term(&preferred.pod_affinity_term, &at.child("podAffinityTerm"), errors);
    }
}

fn weight(weight: i32, path: &Path, errors: &mut ErrorList) {
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), weight, "must be in the range 1-100");
    }
}

fn pod_term(term: &PodAffinityTerm, path: &Path, errors: &mut ErrorList) {
    label_selector(term.label_selector.as_ref(), &path.child("labelSelector"), errors);
    label_selector(term.namespace_selector.as_ref(), &path.child("namespaceSelector"), errors);
    for name in term.namespaces.iter().flatten() {
        errors.invalid_each(&path.child("namespace"), name, dns_label(name));
    }
    label_keys(term.match_label_keys.as_deref(), term.label_selector.as_ref(), &path.child("matchLabelKeys"), errors);
    label_keys(term.mismatch_label_keys.as_deref(), term.label_selector.as_ref(), &path.child("mismatchLabelKeys"), errors);
    if term.topology_key.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    errors.invalid_each(&path.child("topologyKey"), &term.topology_key, qualified_name(&term.topology_key));
}

/// Labels that are taken from the pod itself need a selector to join.
fn label_keys(keys: Option<&[String]>, selector: Option<&LabelSelector>, path: &Path, errors: &mut ErrorList) {
    let keys = keys.unwrap_or_default();
    if !keys.is_empty() && selector.is_none() {
        return errors.forbidden(path, "must not be specified when labelSelector is not set");
    }
    for (index, key) in keys.iter().enumerate() {
        errors.invalid_each(&path.index(index), key, qualified_name(key));
    }
}

pub fn tolerations(tolerations: &[Toleration], path: &Path, errors: &mut ErrorList) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let at = path.index(index);
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let (key, operator, value, effect) =
            (text(&toleration.key), text(&toleration.operator), text(&toleration.value), text(&toleration.effect));
        if key.is_empty() {
            if operator != "Exists" {
                let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
                errors.invalid(&at.child("operator"), &operator, why);
            }
        } else {
            errors.invalid_each(&at.child("key"), &key, qualified_name(&key));
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            errors.invalid(&at.child("effect"), &effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        match operator.as_str() {
            "" | "Equal" => {
                let wrong = label_value(&value);
                if !wrong.is_empty() {
                    errors.invalid(&at.child("operator"), &value, &wrong.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                errors.invalid(&at.child("operator"), &value, "value must be empty when `operator` is 'Exists'")
            }
            "Exists" => {}
            other => errors.not_supported(&at.child("operator"), other, &["Equal", "Exists"]),
        }
        one_of(Some(effect.as_str()).filter(|effect| !effect.is_empty()), &TAINT_EFFECTS, &at.child("effect"), errors);
    }
}

pub fn topology_spread(constraints: &[TopologySpreadConstraint], path: &Path, errors: &mut ErrorList) {
    for (index, constraint) in constraints.iter().enumerate() {
        let at = path.index(index);
        let action = constraint.when_unsatisfiable.as_str();
        if constraint.max_skew <= 0 {
            errors.invalid(&at.child("maxSkew"), constraint.max_skew, "must be greater than zero");
        }
        if constraint.topology_key.is_empty() {
            errors.required(&at.child("topologyKey"), "can not be empty");
        }
        one_of(Some(action), &["DoNotSchedule", "ScheduleAnyway"], &at.child("whenUnsatisfiable"), errors);
        let repeats = |other: &TopologySpreadConstraint| {
            (&other.topology_key, other.when_unsatisfiable.as_str()) == (&constraint.topology_key, action)
        };
        if constraints[index + 1..].iter().any(repeats) {
            errors.duplicate(&at.child("{topologyKey, whenUnsatisfiable}"), &format!("{{{}, {action}}}", constraint.topology_key));
        }
        if let Some(domains) = constraint.min_domains {
            if domains <= 0 {
                errors.invalid(&at.child("minDomains"), domains, "must be greater than zero");
            }
            if action != "DoNotSchedule" {
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                errors.invalid(&at.child("minDomains"), domains, &why);
            }
        }
        one_of(constraint.node_affinity_policy.as_deref(), &["Honor", "Ignore"], &at.child("nodeAffinityPolicy"), errors);
        one_of(constraint.node_taints_policy.as_deref(), &["Honor", "Ignore"], &at.child("nodeTaintsPolicy"), errors);
        label_keys(constraint.match_label_keys.as_deref(), constraint.label_selector.as_ref(), &at.child("matchLabelKeys"), errors);
        label_selector(constraint.label_selector.as_ref(), &at.child("labelSelector"), errors);
    }
}

pub fn scheduling_gates(gates: &[PodSchedulingGate], path: &Path, errors: &mut ErrorList) {
    for (index, gate) in gates.iter().enumerate() {
        let at = path.index(index);
        errors.invalid_each(&at, &gate.name, qualified_name(&gate.name));
        if gates[..index].iter().any(|other| other.name == gate.name) {
            errors.duplicate(&at, &gate.name);
        }
    }
}

/// A pod that is gated cannot be on a node yet.
pub fn gated_without_node(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let is_gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    if is_gated && spec.node_name.as_deref().is_some_and(|node| !node.is_empty()) {
        errors.forbidden(&path.child("nodeName"), "cannot be set until all schedulingGates have been cleared");
    }
}

//! Selectors of nodes, as pods and persistent volumes state them.

use k8s_openapi::api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm};

use super::format::{dns_subdomain, label_value, qualified_name};
use super::{ErrorList, Path};

pub fn node_selector(selector: &NodeSelector, path: &Path, errors: &mut ErrorList) {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        return errors.required(&path, "must have at least one node selector term");
    }
    for (index, one) in selector.node_selector_terms.iter().enumerate() {
        term(one, true, &path.index(index), errors);
    }
}

/// One term. Its values are judged as labels only where the term is a condition, not where it is a preference.
pub fn term(term: &NodeSelectorTerm, judge_values: bool, path: &Path, errors: &mut ErrorList) {
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        label_requirement(requirement, judge_values, &path.child("matchExpressions").index(index), errors);
    }
    for (index, requirement) in term.match_fields.iter().flatten().enumerate() {
        field_requirement(requirement, &path.child("matchFields").index(index), errors);
    }
}

fn label_requirement(requirement: &NodeSelectorRequirement, judge_values: bool, path: &Path, errors: &mut ErrorList) {
    let values = requirement.values.as_deref().unwrap_or_default();
    let at = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => errors.required(&at, "must be specified when `operator` is 'In' or 'NotIn'"),
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => errors.required(&at, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        operator => errors.invalid(&path.child("operator"), operator, "not a valid selector operator"),
    }
    errors.invalid_each(&path.child("key"), &requirement.key, qualified_name(&requirement.key));
    if judge_values {
        for (index, value) in values.iter().enumerate() {
            errors.invalid_each(&at.index(index), value, label_value(value));
        }
    }
}

fn field_requirement(requirement: &NodeSelectorRequirement, path: &Path, errors: &mut ErrorList) {
    let values = requirement.values.as_deref().unwrap_or_default();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.len() != 1 => {
            errors.required(&path.child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
        }
        "In" | "NotIn" => {}
        operator => errors.invalid(&path.child("operator"), operator, "not a valid selector operator"),
    }
    if requirement.key != "metadata.name" {
        return errors.invalid(&path.child("key"), &requirement.key, "not a valid field selector key");
    }
    for (index, value) in values.iter().enumerate() {
        errors.invalid_each(&path.child("values").index(index), value, dns_subdomain(value));
    }
}

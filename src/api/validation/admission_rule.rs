//! Which requests a webhook or a policy is asked about.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations};
use serde_json::json;

use super::expression::{Names, Type, must_be};
use super::format::{path_segment, qualified_name};
use super::label_selector::label_selector;
use super::words::{one_of, required, required_one_of};
use super::{ErrorList, Path};

pub const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];
pub const MATCH_POLICIES: [&str; 2] = ["Equivalent", "Exact"];
const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const MOST_CONDITIONS: usize = 64;

/// Everything that is said by a `RuleWithOperations`.
pub fn rule(rule: &RuleWithOperations, path: &Path, errors: &mut ErrorList) {
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let (operations, groups, versions) = (list(&rule.operations), list(&rule.api_groups), list(&rule.api_versions));
    let at = path.child("operations");
    if operations.is_empty() {
        errors.required(&at, "");
    }
    lonely(&operations, "operations", &at, errors);
    for (index, operation) in operations.iter().enumerate() {
        one_of(Some(operation), &OPERATIONS, &at.index(index), errors);
    }
    let at = path.child("apiGroups");
    if groups.is_empty() {
        errors.required(&at, "");
    }
    lonely(&groups, "API groups", &at, errors);
    let at = path.child("apiVersions");
    if versions.is_empty() {
        errors.required(&at, "");
    }
    lonely(&versions, "API versions", &at, errors);
    for (index, version) in versions.iter().enumerate() {
        required(version, &at.index(index), errors);
    }
    resources(&list(&rule.resources), &path.child("resources"), errors);
    one_of(rule.scope.as_deref(), &SCOPES, &path.child("scope"), errors);
}

fn lonely(list: &[String], others: &str, path: &Path, errors: &mut ErrorList) {
    if list.len() > 1 && list.iter().any(|one| one == "*") {
        errors.invalid(path, json!(list), &format!("if '*' is present, must not specify other {others}"));
    }
}

/// `pods`, `pods/status`, `pods/*`, `*/scale`, `*`, `*/*`: none of them said twice.
fn resources(resources: &[String], path: &Path, errors: &mut ErrorList) {
    if resources.is_empty() {
        errors.required(path, "");
    }
    let (mut with_all_below, mut of_all) = (BTreeSet::new(), BTreeSet::new());
    let mut is_last_whole = false;
    for (index, resource) in resources.iter().enumerate() {
        let at = path.index(index);
        if resource.is_empty() {
            errors.required(&at, "");
            continue;
        }
        let Some((name, below)) = resource.split_once('/') else {
            is_last_whole = resource != "*";
            continue;
        };
        if with_all_below.contains(name) {
            errors.invalid(&at, resource, &format!("if '{name}/*' is present, must not specify {resource}"));
        }
        if of_all.contains(below) {
            errors.invalid(&at, resource, &format!("if '*/{below}' is present, must not specify {resource}"));
        }
        if below == "*" {
            with_all_below.insert(name);
        }
        if name == "*" {
            of_all.insert(below);
        }
    }
    let has = |wanted: &str| resources.iter().any(|resource| resource == wanted);
    if resources.len() > 1 && has("*/*") {
        errors.invalid(path, json!(resources), "if '*/*' is present, must not specify other resources");
    }
    if has("*") && is_last_whole {
        errors.invalid(path, json!(resources), "if '*' is present, must not specify other resources without subresources");
    }
}

/// What a policy, or the binding of one, is asked about.
pub fn match_resources(matched: &MatchResources, path: &Path, errors: &mut ErrorList) {
    required_one_of(matched.match_policy.as_deref(), &MATCH_POLICIES, &path.child("matchPolicy"), errors);
    for (field, selector) in [("namespaceSelector", &matched.namespace_selector), ("objectSelector", &matched.object_selector)] {
        match selector {
            None => errors.required(&path.child(field), ""),
            Some(selector) => label_selector(Some(selector), &path.child(field), errors),
        }
    }
    for (field, rules) in [("resourceRules", &matched.resource_rules), ("excludeResourceRules", &matched.exclude_resource_rules)] {
        let at = path.child(field);
        for (index, one) in rules.iter().flatten().enumerate() {
            named_rule(one, &at.index(index), errors);
        }
    }
}

fn named_rule(named: &NamedRuleWithOperations, path: &Path, errors: &mut ErrorList) {
    let (names, at) = (named.resource_names.as_deref().unwrap_or_default(), path.child("resourceNames"));
    for (index, name) in names.iter().enumerate() {
        errors.invalid_each(&at.index(index), name, path_segment(name));
        if names[..index].contains(name) {
            errors.duplicate(&at.index(index), name);
        }
    }
    let NamedRuleWithOperations { api_groups, api_versions, operations, resources, scope, .. } = named.clone();
    rule(&RuleWithOperations { api_groups, api_versions, operations, resources, scope }, path, errors);
}

/// Conditions that a request must meet, in CEL.
pub fn match_conditions(conditions: &[MatchCondition], names: &Names, path: &Path, errors: &mut ErrorList) {
    if conditions.len() > MOST_CONDITIONS {
        errors.too_many(path, conditions.len(), MOST_CONDITIONS);
    }
    for (index, condition) in conditions.iter().enumerate() {
        let at = path.index(index);
        let expression = condition.expression.trim();
        if expression.is_empty() {
            errors.required(&at.child("expression"), "");
        } else if let Some(why) = must_be(expression, names, &[Type::Bool]) {
            errors.invalid(&at.child("expression"), expression, &why);
        }
        let name = condition.name.as_str();
        if name.is_empty() {
            errors.required(&at.child("name"), "");
            continue;
        }
        errors.invalid_each(&at.child("name"), name, qualified_name(name));
        if conditions[..index].iter().any(|other| other.name == name) {
            errors.duplicate(&at.child("name"), name);
        }
    }
}

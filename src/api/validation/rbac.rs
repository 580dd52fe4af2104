//! Roles and their bindings.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use serde_json::json;

use super::format::{dns_subdomain, path_segment};
use super::label_selector::label_selector;
use super::object_meta::{object_meta, object_meta_update};
use super::words::required;
use super::{ErrorList, NameForm, Path, internal};

const GROUP: &str = "rbac.authorization.k8s.io";

pub fn role(role: &Role) -> ErrorList {
    let mut errors = object_meta(&role.metadata, true, NameForm::PathSegment, &Path::new("metadata"));
    rules(role.rules.as_deref(), true, &mut errors);
    errors
}

pub fn role_update(new: &Role, old: &Role) -> ErrorList {
    let mut errors = role(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    errors
}

pub fn cluster_role(role: &ClusterRole) -> ErrorList {
    let mut errors = object_meta(&role.metadata, false, NameForm::PathSegment, &Path::new("metadata"));
    rules(role.rules.as_deref(), false, &mut errors);
    if let Some(rule) = &role.aggregation_rule {
        let path = Path::new("aggregationRule");
        let path = path.child("clusterRoleSelectors");
        let selectors = rule.cluster_role_selectors.as_deref().unwrap_or_default();
        if selectors.is_empty() {
            errors.required(&path, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        for (index, selector) in selectors.iter().enumerate() {
            label_selector(Some(selector), &path.index(index), &mut errors);
        }
    }
    errors
}

pub fn cluster_role_update(new: &ClusterRole, old: &ClusterRole) -> ErrorList {
    let mut errors = cluster_role(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    errors
}

fn rules(rules: Option<&[PolicyRule]>, namespaced: bool, errors: &mut ErrorList) {
    let path = Path::new("rules");
    for (index, rule) in rules.unwrap_or_default().iter().enumerate() {
        policy_rule(rule, namespaced, &path.index(index), errors);
    }
}

/// A rule is about resources or about paths, and in a namespace there are no paths.
fn policy_rule(rule: &PolicyRule, namespaced: bool, path: &Path, errors: &mut ErrorList) {
    let count = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
    let (groups, resources, names) = (count(&rule.api_groups), count(&rule.resources), count(&rule.resource_names));
    if rule.verbs.is_empty() {
        errors.required(&path.child("verbs"), "verbs must contain at least one value");
    }
    if count(&rule.non_resource_urls) > 0 {
        let path = path.child("nonResourceURLs");
        if namespaced {
            errors.invalid(&path, json!(rule.non_resource_urls), "namespaced rules cannot apply to non-resource URLs");
        }
        if groups + resources + names > 0 {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.invalid(&path, json!(rule.non_resource_urls), why);
        }
        return;
    }
    if groups == 0 {
        errors.required(&path.child("apiGroups"), "resource rules must supply at least one api group");
    }
    if resources == 0 {
        errors.required(&path.child("resources"), "resource rules must supply at least one resource");
    }
}

pub fn role_binding(binding: &RoleBinding) -> ErrorList {
    let mut errors = object_meta(&binding.metadata, true, NameForm::PathSegment, &Path::new("metadata"));
    reference(&binding.role_ref, &["Role", "ClusterRole"], &mut errors);
    subjects(binding.subjects.as_deref(), true, &mut errors);
    errors
}

pub fn role_binding_update(new: &RoleBinding, old: &RoleBinding) -> ErrorList {
    let mut errors = role_binding(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    same_role(&new.role_ref, &old.role_ref, &mut errors);
    errors
}

pub fn cluster_role_binding(binding: &ClusterRoleBinding) -> ErrorList {
    let mut errors = object_meta(&binding.metadata, false, NameForm::PathSegment, &Path::new("metadata"));
    reference(&binding.role_ref, &["ClusterRole"], &mut errors);
    subjects(binding.subjects.as_deref(), false, &mut errors);
    errors
}

pub fn cluster_role_binding_update(new: &ClusterRoleBinding, old: &ClusterRoleBinding) -> ErrorList {
    let mut errors = cluster_role_binding(new);
    errors.extend(object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    same_role(&new.role_ref, &old.role_ref, &mut errors);
    errors
}

fn reference(role: &RoleRef, kinds: &[&str], errors: &mut ErrorList) {
    let path = Path::new("roleRef");
    if role.api_group != GROUP {
        errors.not_supported(&path.child("apiGroup"), &role.api_group, &[GROUP]);
    }
    if !kinds.contains(&role.kind.as_str()) {
        errors.not_supported(&path.child("kind"), &role.kind, kinds);
    }
    required(&role.name, &path.child("name"), errors);
    errors.invalid_each(&path.child("name"), &role.name, path_segment(&role.name));
}

fn same_role(new: &RoleRef, old: &RoleRef, errors: &mut ErrorList) {
    if new != old {
        errors.invalid(&Path::new("roleRef"), internal(new), "cannot change roleRef");
    }
}

fn subjects(subjects: Option<&[Subject]>, namespaced: bool, errors: &mut ErrorList) {
    let path = Path::new("subjects");
    for (index, one) in subjects.unwrap_or_default().iter().enumerate() {
        subject(one, namespaced, &path.index(index), errors);
    }
}

fn subject(subject: &Subject, namespaced: bool, path: &Path, errors: &mut ErrorList) {
    let name = path.child("name");
    required(&subject.name, &name, errors);
    let group = subject.api_group.as_deref().unwrap_or_default();
    match subject.kind.as_str() {
        "ServiceAccount" => {
            if !subject.name.is_empty() {
                errors.invalid_each(&name, &subject.name, dns_subdomain(&subject.name));
            }
            if !group.is_empty() {
                errors.not_supported(&path.child("apiGroup"), group, &[""]);
            }
            if !namespaced {
                required(subject.namespace.as_deref().unwrap_or_default(), &path.child("namespace"), errors);
            }
        }
        kind @ ("User" | "Group") => {
            if subject.name.is_empty() {
                errors.invalid(&name, &subject.name, &format!("{} name cannot be empty", kind.to_lowercase()));
            }
            if group != GROUP {
                errors.not_supported(&path.child("apiGroup"), group, &[GROUP]);
            }
        }
        kind => errors.not_supported(&path.child("kind"), kind, &["ServiceAccount", "User", "Group"]),
    }
}

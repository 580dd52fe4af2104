//! Whose requests, and which of them, a flow schema takes.

use k8s_openapi::api::flowcontrol::v1::{
    GroupSubject, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, ServiceAccountSubject, Subject, UserSubject,
};
use serde_json::json;

use super::super::format::{dns_label, dns_subdomain};
use super::super::words::required;
use super::super::{ErrorList, Path};

const VERBS: [&str; 9] = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

pub fn policy(rule: &PolicyRulesWithSubjects, path: &Path, errors: &mut ErrorList) {
    let at = path.child("subjects");
    if rule.subjects.is_empty() {
        errors.required(&at, "subjects must contain at least one value");
    }
    for (index, one) in rule.subjects.iter().enumerate() {
        subject(one, &at.index(index), errors);
    }
    let resources = rule.resource_rules.as_deref().unwrap_or_default();
    let paths = rule.non_resource_rules.as_deref().unwrap_or_default();
    if resources.is_empty() && paths.is_empty() {
        errors.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty");
    }
    let at = path.child("resourceRules");
    for (index, rule) in resources.iter().enumerate() {
        resource_rule(rule, &at.index(index), errors);
    }
    let at = path.child("nonResourceRules");
    for (index, rule) in paths.iter().enumerate() {
        non_resource_rule(rule, &at.index(index), errors);
    }
}

/// A subject is of the kind that it says, and of no other.
fn subject(subject: &Subject, path: &Path, errors: &mut ErrorList) {
    match subject.kind.as_str() {
        "ServiceAccount" => account(subject.service_account.as_ref(), &path.child("serviceAccount"), errors),
        "User" => {
            let name = subject.user.as_ref().map(|UserSubject { name }| name.as_str());
            named(name, "user is required when subject kind is 'User'", &path.child("user"), errors);
        }
        "Group" => {
            let name = subject.group.as_ref().map(|GroupSubject { name }| name.as_str());
            named(name, "group is required when subject kind is 'Group'", &path.child("group"), errors);
        }
        kind => return errors.not_supported(&path.child("kind"), kind, &["Group", "ServiceAccount", "User"]),
    }
    let others = [
        ("serviceAccount", "ServiceAccount", subject.service_account.is_some()),
        ("user", "User", subject.user.is_some()),
        ("group", "Group", subject.group.is_some()),
    ];
    for (field, kind, is_set) in others {
        if is_set && kind != subject.kind {
            errors.forbidden(&path.child(field), &format!("{field} is forbidden when subject kind is not '{kind}'"));
        }
    }
}

fn named(name: Option<&str>, why: &str, path: &Path, errors: &mut ErrorList) {
    match name {
        None => errors.required(path, why),
        Some(name) => required(name, &path.child("name"), errors),
    }
}

fn account(account: Option<&ServiceAccountSubject>, path: &Path, errors: &mut ErrorList) {
    let Some(account) = account else {
        return errors.required(path, "serviceAccount is required when subject kind is 'ServiceAccount'");
    };
    match account.name.as_str() {
        "" => errors.required(&path.child("name"), ""),
        "*" => {}
        name => errors.invalid_each(&path.child("name"), name, dns_subdomain(name)),
    }
    match account.namespace.as_str() {
        "" => errors.required(&path.child("namespace"), "must specify namespace for service account"),
        namespace => errors.invalid_each(&path.child("namespace"), namespace, dns_label(namespace)),
    }
}

/// `*` stands for all of a list, and so alone.
fn lonely(list: &[String], others: &str, path: &Path, errors: &mut ErrorList) {
    if list.len() > 1 && has_wildcard(list) {
        errors.invalid(path, json!(list), &format!("if '*' is present, must not specify other {others}"));
    }
}

fn has_wildcard(list: &[String]) -> bool {
    list.iter().any(|one| one == "*")
}

fn verbs(verbs: &[String], path: &Path, errors: &mut ErrorList) {
    if verbs.is_empty() {
        errors.required(path, "verbs must contain at least one value");
    } else if !has_wildcard(verbs) && verbs.iter().any(|verb| !VERBS.contains(&verb.as_str())) {
        errors.not_supported(path, json!(verbs), &VERBS);
    }
    lonely(verbs, "verbs", path, errors);
}

fn resource_rule(rule: &ResourcePolicyRule, path: &Path, errors: &mut ErrorList) {
    verbs(&rule.verbs, &path.child("verbs"), errors);
    if rule.api_groups.is_empty() {
        errors.required(&path.child("apiGroups"), "resource rules must supply at least one api group");
    }
    lonely(&rule.api_groups, "api groups", &path.child("apiGroups"), errors);
    if rule.resources.is_empty() {
        errors.required(&path.child("resources"), "resource rules must supply at least one resource");
    }
    lonely(&rule.resources, "resources", &path.child("resources"), errors);
    let (namespaces, at) = (rule.namespaces.as_deref().unwrap_or_default(), path.child("namespaces"));
    if namespaces.is_empty() && rule.cluster_scope != Some(true) {
        errors.required(&at, "resource rules that are not cluster scoped must supply at least one namespace");
    }
    if has_wildcard(namespaces) {
        return lonely(namespaces, "namespaces", &at, errors);
    }
    for (index, namespace) in namespaces.iter().enumerate() {
        let wrong = dns_label(namespace).into_iter().map(|why| format!("each member of this list must be '*' or a DNS-1123 label; {why}"));
        errors.invalid_each(&at.index(index), namespace, wrong);
    }
}

fn non_resource_rule(rule: &NonResourcePolicyRule, path: &Path, errors: &mut ErrorList) {
    verbs(&rule.verbs, &path.child("verbs"), errors);
    let (urls, at) = (&rule.non_resource_urls, path.child("nonResourceURLs"));
    if urls.is_empty() {
        errors.required(&at, "nonResourceURLs must contain at least one value");
    } else if has_wildcard(urls) {
        lonely(urls, "non-resource URLs", &at, errors);
    } else {
        for (index, url) in urls.iter().enumerate() {
            if let Some(why) = url_path(url) {
                errors.invalid(&at.index(index), url, why);
            }
        }
    }
}

/// A path that may end in `/*`.
fn url_path(path: &str) -> Option<&'static str> {
    let stars = path.matches('*').count();
    match path {
        "" => Some("must not be empty"),
        "/" => None,
        _ if !path.starts_with('/') => Some("must start with slash"),
        _ if path.contains(' ') => Some("must not contain white-space"),
        _ if path.contains("//") => Some("must not contain double slash"),
        _ if stars > 1 || stars == 1 && !path.ends_with("/*") => Some("wildcard can only do suffix matching"),
        _ => None,
    }
}

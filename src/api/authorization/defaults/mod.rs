//! The roles and bindings that every cluster has, under upstream's names and with upstream's rules (v1.35, features as they are by
//! default), and how they are kept complete.

mod cluster_roles;
mod controllers;
mod namespaced;
pub(in crate::api) mod notation;
mod reconcile;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde_json::{Value, json};

pub use reconcile::{Reconciled, reconciled};

use super::rule::Rule;
use crate::api::client::DeleteOptions;
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;
use crate::api::verbs::{Api, Target, User};

const GROUP: &str = "rbac.authorization.k8s.io";
const CONTROLLER: &str = "system:controller:";

/// An object that a cluster has from the beginning.
pub struct Default {
    pub kind: KindRef,
    pub namespace: &'static str,
    pub body: Value,
}

/// Makes what is missing in one commit, and completes what is there.
///
/// # Errors
/// The store takes no writes.
pub async fn found(api: &Api) -> Result<(), Status> {
    let wanted: Vec<_> = all().into_iter().map(|Default { kind, namespace, body }| (kind, namespace, body)).collect();
    for (kind, there, wanted) in api.found(wanted).await? {
        let text = |field: &str| there["metadata"][field].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        match reconciled(&there, &wanted) {
            Reconciled::Complete => {}
            Reconciled::Changed(complete) => api.establish(&kind, namespace, complete).await?,
            Reconciled::Replaced => {
                api.delete(&User::default(), &Target::new(&kind, namespace, name), &DeleteOptions::default()).await?;
                api.establish(&kind, namespace, wanted).await?;
            }
        }
    }
    Ok(())
}

/// The rules of nodes, in whatever they do not do by an authorizer of their own.
pub fn node_rules() -> Vec<Rule> {
    notation::rules(cluster_roles::NODE)
}

/// All of them; those in namespaces last.
pub fn all() -> Vec<Default> {
    let registry = Registry::built_in();
    let cluster = |kind: &KindRef, body| Default { kind: kind.clone(), namespace: "", body };
    let (role, binding) = (registry.of::<ClusterRole>(), registry.of::<ClusterRoleBinding>());
    let mut all = Vec::new();
    for (name, into) in cluster_roles::SUMS {
        let label = format!("{GROUP_LABEL}{name}");
        let rule = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
        all.push(cluster(role, json!({"metadata": metadata(name, into), "aggregationRule": rule, "rules": null})));
    }
    for (name, into, rules) in cluster_roles::ROLES.iter().chain(&cluster_roles::VIEWERS) {
        all.push(cluster(role, json!({"metadata": metadata(name, into), "rules": written(rules)})));
    }
    for (name, bound, subjects) in cluster_roles::BINDINGS {
        all.push(cluster(binding, bound_to(name, ("ClusterRole", bound), subjects)));
    }
    for (controller, rules) in controllers::CONTROLLERS {
        let name = format!("{CONTROLLER}{controller}");
        all.push(cluster(role, json!({"metadata": metadata(&name, ""), "rules": written(rules)})));
        all.push(cluster(binding, bound_to(&name, ("ClusterRole", &name), &format!("account:{controller}"))));
    }
    for (namespace, name, rules) in namespaced::ROLES {
        let body = json!({"metadata": metadata(name, ""), "rules": written(rules)});
        all.push(Default { kind: registry.of::<Role>().clone(), namespace, body });
    }
    for (namespace, name, bound, subjects) in namespaced::BINDINGS {
        let body = bound_to(name, ("Role", bound), subjects);
        all.push(Default { kind: registry.of::<RoleBinding>().clone(), namespace, body });
    }
    all
}

/// Before the name of a role, the label of what is a part of it.
const GROUP_LABEL: &str = "rbac.authorization.k8s.io/aggregate-to-";

fn metadata(name: &str, into: &str) -> Value {
    let mut metadata = json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {reconcile::AUTO_UPDATE: "true"},
    });
    if !into.is_empty() {
        metadata["labels"][format!("{GROUP_LABEL}{into}")] = "true".into();
    }
    metadata
}

fn written(rules: &str) -> Value {
    notation::rules(rules).iter().map(rule).collect()
}

/// A rule as objects say it.
fn rule(rule: &Rule) -> Value {
    let mut said = json!({"verbs": rule.verbs});
    let fields =
        [("apiGroups", &rule.groups), ("resources", &rule.resources), ("resourceNames", &rule.names), ("nonResourceURLs", &rule.urls)];
    for (field, words) in fields.into_iter().filter(|(_, words)| !words.is_empty()) {
        said[field] = json!(words);
    }
    said
}

fn bound_to(name: &str, (kind, role): (&str, &str), subjects: &str) -> Value {
    let subject = |subject: &str| {
        let (kind, name) = subject.split_once(':').unwrap_or_default();
        match kind {
            "account" => json!({"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}),
            "group" => json!({"apiGroup": GROUP, "kind": "Group", "name": name}),
            _ => json!({"apiGroup": GROUP, "kind": "User", "name": name}),
        }
    };
    let subjects: Vec<Value> = subjects.split_whitespace().map(subject).collect();
    let mut binding = json!({"metadata": metadata(name, ""), "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role}});
    if !subjects.is_empty() {
        binding["subjects"] = subjects.into();
    }
    binding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_is_a_good_object_and_its_binding_names_a_default_role() {
        let all = all();
        let name = |default: &Default| default.body["metadata"]["name"].as_str().unwrap().to_owned();
        for default in &all {
            let mut body = default.body.clone();
            if !default.namespace.is_empty() {
                body["metadata"]["namespace"] = default.namespace.into();
            }
            crate::api::schema::finish(&default.kind.schema, &mut body);
            let verdict = default.kind.judges.create(&body);
            assert!(verdict.errors.is_empty(), "{}: {:?}", name(default), verdict.errors);
            let Some(role) = body["roleRef"]["name"].as_str() else { continue };
            let kind = body["roleRef"]["kind"].as_str().unwrap();
            let is_it = |other: &&Default| {
                other.kind.kind() == kind && name(other) == role && (kind == "ClusterRole" || other.namespace == default.namespace)
            };
            assert!(all.iter().any(|other| is_it(&other)), "{role}");
        }
    }

    #[test]
    fn words_of_a_rule_are_in_order_as_upstream_writes_them() {
        let sorted = |value: &Value| value.as_array().is_none_or(|words| words.is_sorted_by_key(|word| word.as_str().unwrap().to_owned()));
        for default in all() {
            for rule in default.body["rules"].as_array().into_iter().flatten() {
                for field in ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"] {
                    assert!(sorted(&rule[field]), "{}: {rule}", default.body["metadata"]["name"]);
                }
            }
        }
    }
}

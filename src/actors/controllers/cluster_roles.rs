//! Cluster roles that are the sum of others (the page "Using RBAC Authorization", "Aggregated ClusterRoles"): their rules are those of all
//! cluster roles that a selector of theirs matches.

use k8s_openapi::api::rbac::v1::ClusterRole;
use serde_json::{Value, json};

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::selector::LabelSelector;
use crate::api::status::Status;
use crate::runtime::store::Stored;

const MANAGER: &str = "clusterrole-aggregation-controller";

/// Reconciles one cluster role at a time.
pub struct ClusterRoles {
    client: ClientRef,
    roles: InformerHandle,
    kind: KindRef,
}

impl ClusterRoles {
    pub fn new(tools: &Tools) -> Self {
        let kind = Registry::built_in().of::<ClusterRole>().clone();
        Self { client: tools.client.clone(), roles: tools.informers.typed::<ClusterRole>(), kind }
    }

    /// Those that are sums, each of which may have another role in it now.
    fn sums(&self) -> Vec<ObjectKey> {
        self.roles.view().iter().filter(|role| aggregates(role)).map(|role| ObjectKey::from(&**role)).collect()
    }
}

/// Whether a role is the sum of others.
fn aggregates(role: &Object) -> bool {
    !role.parts(&["/aggregationRule"])["aggregationRule"].is_null()
}

impl Reconciler for ClusterRoles {
    type Key = ObjectKey;
    const NAME: &'static str = "cluster roles";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.roles, |it: &Self, _| it.sums())]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.roles.view();
        let Some(role) = view.get(key).filter(|role| aggregates(role)) else { return Ok(Outcome::Done) };
        let present = role.value();
        let mut others: Vec<&Object> = view.iter().map(|other| &**other).filter(|other| *other.name() != *key.name).collect();
        others.sort_by_key(|other| other.name());
        let rules = sum(&present["aggregationRule"], others.iter().copied());
        if present["rules"].as_array().unwrap_or(&Vec::new()) == &rules {
            return Ok(Outcome::Done);
        }
        let patch = json!({
            "apiVersion": self.kind.api_version(), "kind": self.kind.kind(), "metadata": {"name": &*key.name}, "rules": rules,
        });
        let options = WriteOptions { field_manager: MANAGER.to_owned(), force: true, ..WriteOptions::default() };
        match self.client.patch(&self.kind, "", &key.name, "", Patch::Apply(patch), &options).await {
            Ok(written) => self.roles.reached(written.revision()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(Outcome::Done)
    }
}

/// The rules of all that a selector matches, in the order of selectors and of names, none twice.
fn sum<'a>(aggregation: &Value, roles: impl Iterator<Item = &'a Object> + Clone) -> Vec<Value> {
    let selectors = aggregation["clusterRoleSelectors"].as_array().into_iter().flatten();
    let selectors = selectors.filter_map(|selector| serde_json::from_value(selector.clone()).ok());
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors.filter_map(|selector| LabelSelector::from_spec(&selector).ok()) {
        for role in roles.clone().filter(|role| selector.matches(role.labels())) {
            for rule in role.value()["rules"].as_array().into_iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_has_every_rule_of_its_parts_once() {
        let role = |name: &str, label: &str, verbs: &[&str]| {
            let rules: Vec<Value> = verbs.iter().map(|verb| json!({"verbs": [verb]})).collect();
            Object::from_value(json!({"kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name, "labels": {"to": label}}, "rules": rules})).unwrap()
        };
        let roles = [role("a", "x", &["get", "list"]), role("b", "y", &["watch"]), role("c", "x", &["list", "create"])];
        let rule = json!({"clusterRoleSelectors": [{"matchLabels": {"to": "x"}}]});
        let verbs =
            |rule: &Value| sum(rule, roles.iter()).iter().map(|rule| rule["verbs"][0].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(verbs(&rule), ["get", "list", "create"]);
        assert!(verbs(&json!({"clusterRoleSelectors": []})).is_empty());
    }
}

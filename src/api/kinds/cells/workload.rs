//! The cells of what keeps pods running.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Selector;
use serde::Deserialize;
use serde_json::Value;

use super::{Fields, NONE, labels, or};
use crate::api::selector::LabelSelector;

pub fn ready_of_desired(object: &Value) -> Value {
    format!("{}/{}", object.integer("/status/readyReplicas"), object.integer("/spec/replicas")).into()
}

pub fn updated(object: &Value) -> Value {
    object.integer("/status/updatedReplicas").into()
}

pub fn available(object: &Value) -> Value {
    object.integer("/status/availableReplicas").into()
}

pub fn selector(object: &Value) -> Value {
    selector_at(object, "/spec/selector").into()
}

/// A selector as people write it (`metav1.FormatLabelSelector`).
pub(super) fn selector_at(object: &Value, pointer: &str) -> String {
    let Some(selector) = object.at(pointer).filter(|selector| selector.is_object()) else { return NONE.to_owned() };
    match Selector::deserialize(selector).ok().and_then(|selector| LabelSelector::from_spec(&selector).ok()) {
        Some(selector) => or(&selector.to_string(), NONE).to_owned(),
        None => "<error>".to_owned(),
    }
}

pub fn node_selector(daemon_set: &Value) -> Value {
    labels(daemon_set, "/spec/template/spec/nodeSelector").into()
}

/// Whose revision it is: `deployment.apps/name`.
pub fn controller(revision: &Value) -> Value {
    let owner = revision.list("/metadata/ownerReferences").iter().find(|owner| owner.flag("/controller"));
    let Some(owner) = owner else { return NONE.into() };
    let (group, _) = owner.text("/apiVersion").split_once('/').unwrap_or_default();
    let kind = owner.text("/kind").to_lowercase();
    let kind = if group.is_empty() { kind } else { format!("{kind}.{group}") };
    format!("{kind}/{}", owner.text("/name")).into()
}

pub fn revision(revision: &Value) -> Value {
    revision.integer("/revision").into()
}

pub fn min_available(budget: &Value) -> Value {
    amount(budget, "/spec/minAvailable").into()
}

pub fn max_unavailable(budget: &Value) -> Value {
    amount(budget, "/spec/maxUnavailable").into()
}

/// A number or a share, as text.
fn amount(budget: &Value, pointer: &str) -> String {
    match budget.at(pointer) {
        Some(Value::String(share)) => share.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "N/A".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_is_shown_as_people_write_it() {
        let expressions = json!([{"key": "tier", "operator": "NotIn", "values": ["b", "a"]}, {"key": "x", "operator": "Exists"}]);
        let object = json!({"spec": {"selector": {"matchLabels": {"app": "x"}, "matchExpressions": expressions}}});
        assert_eq!(selector(&object), "app=x,tier notin (a,b),x");
        assert_eq!((selector(&json!({})), selector(&json!({"spec": {"selector": {}}}))), ("<none>".into(), "<none>".into()));
    }

    #[test]
    fn a_revision_names_its_controller() {
        let owners = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": true}]);
        assert_eq!(controller(&json!({"metadata": {"ownerReferences": owners}})), "statefulset.apps/web");
        assert_eq!(controller(&json!({})), "<none>");
    }

    #[test]
    fn a_budget_shows_numbers_and_shares() {
        let budget = json!({"spec": {"minAvailable": 2}});
        assert_eq!((min_available(&budget), max_unavailable(&budget)), ("2".into(), "N/A".into()));
    }
}

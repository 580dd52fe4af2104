//! Pod disruption budgets.

use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::conditions::{Condition, conditions};
use super::int_or_percent::{not_more_than_all, number_or_share};
use super::label_selector::label_selector;
use super::numbers::not_negative;
use super::object_meta::object_meta;
use super::pod::struct_of;
use super::words::one_of;
use super::{ErrorList, NameForm, Path};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodDisruptionBudget {
    metadata: ObjectMeta,
    spec: PodDisruptionBudgetSpec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    conditions: Vec<Condition>,
    disruptions_allowed: i32,
    current_healthy: i32,
    desired_healthy: i32,
    expected_pods: i32,
}

pub fn disruption_budget(budget: &PodDisruptionBudget) -> ErrorList {
    let mut errors = object_meta(&budget.metadata, true, NameForm::PathSegment, &Path::new("metadata"));
    spec(budget, &mut errors);
    errors
}

pub fn disruption_budget_update(new: &PodDisruptionBudget, _old: &PodDisruptionBudget) -> ErrorList {
    let mut errors = ErrorList::default();
    spec(new, &mut errors);
    errors
}

pub fn disruption_budget_status_update(new: &PodDisruptionBudget, _old: &PodDisruptionBudget) -> ErrorList {
    let mut errors = ErrorList::default();
    let (status, path) = (&new.status, Path::new("status"));
    conditions(&status.conditions, &path.child("conditions"), &mut errors);
    for (field, count) in [
        ("disruptionsAllowed", status.disruptions_allowed),
        ("currentHealthy", status.current_healthy),
        ("desiredHealthy", status.desired_healthy),
        ("expectedPods", status.expected_pods),
    ] {
        not_negative(Some(count), &path.child(field), &mut errors);
    }
    errors
}

fn spec(budget: &PodDisruptionBudget, errors: &mut ErrorList) {
    let (spec, path) = (&budget.spec, Path::new("spec"));
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        errors.invalid(&path, struct_of(spec), "minAvailable and maxUnavailable cannot be both set");
    }
    for (field, amount) in [("minAvailable", &spec.min_available), ("maxUnavailable", &spec.max_unavailable)] {
        if let Some(amount) = amount {
            number_or_share(amount, &path.child(field), errors);
            not_more_than_all(amount, &path.child(field), errors);
        }
    }
    label_selector(spec.selector.as_ref(), &path.child("selector"), errors);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    one_of(spec.unhealthy_pod_eviction_policy.as_deref(), &policies, &path.child("unhealthyPodEvictionPolicy"), errors);
}

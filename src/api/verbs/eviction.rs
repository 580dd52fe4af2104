//! Evicting a pod: a deletion that says why. Budgets, which may forbid it, are not heeded.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use super::binding::set_condition;
use super::metadata::metadata;
use super::update::Reach;
use super::{ATTEMPTS, Api, Call, Target, modified, not_found};
use crate::api::client::{DeleteOptions, Propagation};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::selector::LabelSelector;
use crate::api::status::{Reason, Status};
use crate::runtime::store::Snapshot;

impl Api {
    /// Marks the pod as the target of a disruption and deletes it.
    ///
    /// # Errors
    /// As a deletion's.
    pub(super) async fn evict(&self, call: &Call, target: &Target, eviction: &Value) -> Result<(), Status> {
        let mut options = delete_options(&eviction["deleteOptions"])?;
        options.dry_run |= call.options.dry_run;
        let whole = Target { subresource: None, ..target.clone() };
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let old = snapshot.get(&target.key()).ok_or_else(|| not_found(&target.kind, &target.name))?;
            self.admit_deletion(&call.user, &whole, &snapshot, &options).await?;
            check_budgets(&snapshot, old)?;
            if options.dry_run {
                return self.delete(&call.user, &whole, &options).await.map(drop);
            }
            let before = old.value();
            let mut pod = before.clone();
            metadata(&mut pod).remove("resourceVersion");
            let (reason, message) = ("EvictionByEvictionAPI", "Eviction API: evicting");
            set_condition(&mut pod, json!({"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}));
            if self.replace(call, &whole, Reach::Object, old, (before, pod), Vec::new()).await?.is_some() {
                options.uid = options.uid.or_else(|| Some(old.uid().to_owned()));
                return self.delete(&call.user, &whole, &options).await.map(drop);
            }
        }
        Err(modified(&target.kind, &target.name))
    }
}

/// Upstream cannot tell which of several budgets to charge for a pod that runs, and refuses.
fn check_budgets(snapshot: &Snapshot<Object>, pod: &Object) -> Result<(), Status> {
    let value = pod.value();
    if value["status"]["phase"] != "Running" || pod.meta().deletion_timestamp.is_some() {
        return Ok(());
    }
    let kind = Registry::built_in().of::<PodDisruptionBudget>();
    let selects = |budget: &Object| {
        let selector = budget.parse::<PodDisruptionBudget>().ok().and_then(|budget| budget.spec?.selector);
        selector.is_some_and(|selector| LabelSelector::from_spec(&selector).is_ok_and(|selector| selector.matches(pod.labels())))
    };
    let prefix = format!("{}/", pod.namespace());
    let there = snapshot.range(&kind.collection, &prefix, None);
    if there.filter(|(_, budget)| selects(budget)).nth(1).is_some() {
        let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Status::new(500, Reason::Unknown, why));
    }
    Ok(())
}

/// `metav1.DeleteOptions` as JSON.
fn delete_options(options: &Value) -> Result<DeleteOptions, Status> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let preconditions = &options["preconditions"];
    Ok(DeleteOptions {
        dry_run: options["dryRun"].as_array().is_some_and(|stages| !stages.is_empty()),
        grace_period_seconds: options["gracePeriodSeconds"].as_i64(),
        propagation: options["propagationPolicy"].as_str().map(Propagation::parse).transpose()?,
        orphan_dependents: options["orphanDependents"].as_bool(),
        uid: text(&preconditions["uid"]),
        resource_version: text(&preconditions["resourceVersion"]),
    })
}

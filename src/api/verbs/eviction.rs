//! Evicting a pod: a deletion that says why. Budgets, which may forbid it, are not heeded.

use serde_json::{Value, json};

use super::binding::set_condition;
use super::metadata::metadata;
use super::update::Reach;
use super::{ATTEMPTS, Api, Call, Target, modified, not_found};
use crate::api::client::{DeleteOptions, Propagation};
use crate::api::status::Status;

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

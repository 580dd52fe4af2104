//! What keeps pods running.

use serde_json::{Value, json};

use super::Complete;
use super::pod::template;
use super::storage::persistent_volume_claim;
use crate::api::kinds::fields::Fields;

const ROLLING: &str = "RollingUpdate";
const HISTORY: i32 = 10;

pub fn deployment(deployment: &mut Value) {
    let Some(spec) = deployment.always(&["spec"]) else { return };
    spec.absent("replicas", 1);
    spec.absent("revisionHistoryLimit", HISTORY);
    spec.absent("progressDeadlineSeconds", 600);
    if let Some(strategy) = spec.always(&["strategy"]) {
        strategy.empty("type", ROLLING);
        rolling(strategy, [("maxUnavailable", "25%".into()), ("maxSurge", "25%".into())]);
    }
    template(spec);
}

/// The bounds of a rolling update, where the strategy is one.
fn rolling(strategy: &mut Value, bounds: [(&str, Value); 2]) {
    if strategy.text("/type") == ROLLING
        && let Some(update) = strategy.always(&["rollingUpdate"])
    {
        bounds.into_iter().for_each(|(field, bound)| update.absent(field, bound));
    }
}

pub fn replica_set(set: &mut Value) {
    if let Some(spec) = set.always(&["spec"]) {
        spec.absent("replicas", 1);
        template(spec);
    }
}

pub fn daemon_set(set: &mut Value) {
    let Some(spec) = set.always(&["spec"]) else { return };
    spec.absent("revisionHistoryLimit", HISTORY);
    if let Some(strategy) = spec.always(&["updateStrategy"]) {
        strategy.empty("type", ROLLING);
        rolling(strategy, [("maxUnavailable", 1.into()), ("maxSurge", 0.into())]);
    }
    template(spec);
}

pub fn stateful_set(set: &mut Value) {
    let Some(spec) = set.always(&["spec"]) else { return };
    spec.empty("podManagementPolicy", "OrderedReady");
    spec.absent("replicas", 1);
    spec.absent("revisionHistoryLimit", HISTORY);
    if let Some(strategy) = spec.always(&["updateStrategy"]) {
        if strategy.text("/type").is_empty() {
            strategy.empty("type", ROLLING);
            strategy.absent("rollingUpdate", json!({}));
        }
        let is_rolling = strategy.text("/type") == ROLLING;
        if let Some(update) = strategy.part("/rollingUpdate").filter(|_| is_rolling) {
            update.absent("partition", 0);
        }
    }
    if let Some(policy) = spec.always(&["persistentVolumeClaimRetentionPolicy"]) {
        policy.empty("whenDeleted", "Retain");
        policy.empty("whenScaled", "Retain");
    }
    for claim in spec.each("/volumeClaimTemplates") {
        claim.empty("apiVersion", "v1");
        claim.empty("kind", "PersistentVolumeClaim");
        persistent_volume_claim(claim);
        if let Some(status) = claim.always(&["status"]) {
            status.empty("phase", "Pending");
        }
    }
    template(spec);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_update_has_bounds_and_no_other_strategy_has() {
        for (given, expected) in [
            (json!({}), json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})),
            (
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}}),
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 0}}),
            ),
            (json!({"type": "Recreate"}), json!({"type": "Recreate"})),
        ] {
            let mut object = json!({"spec": {"strategy": given}});
            deployment(&mut object);
            assert_eq!(object["spec"]["strategy"], expected);
        }
    }

    #[test]
    fn a_stateful_set_rolls_from_the_first_unless_it_says_otherwise() {
        for (given, expected) in [
            (json!({}), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
            (json!({"type": "RollingUpdate"}), json!({"type": "RollingUpdate"})),
            (json!({"type": "OnDelete"}), json!({"type": "OnDelete"})),
        ] {
            let mut object = json!({"spec": {"updateStrategy": given, "volumeClaimTemplates": [{"metadata": {"name": "a"}}]}});
            stateful_set(&mut object);
            assert_eq!(object["spec"]["updateStrategy"], expected);
            let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
                "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}});
            assert_eq!(object["spec"]["volumeClaimTemplates"][0], claim);
        }
    }
}

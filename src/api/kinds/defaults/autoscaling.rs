//! Autoscalers.

use serde_json::{Value, json};

use super::Complete;
use crate::api::kinds::autoscaling::default_metric;
use crate::api::kinds::fields::Fields;

pub fn horizontal_pod_autoscaler(autoscaler: &mut Value) {
    let Some(spec) = autoscaler.always(&["spec"]) else { return };
    spec.absent("minReplicas", 1);
    if spec.list("/metrics").is_empty()
        && let Some(fields) = spec.as_object_mut()
    {
        fields.insert("metrics".into(), json!([default_metric()]));
    }
    let Some(behavior) = spec.part("/behavior") else { return };
    let policy = |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 15});
    if let Some(up) = behavior.always(&["scaleUp"]) {
        up.absent("stabilizationWindowSeconds", 0);
        up.absent("selectPolicy", "Max");
        up.absent("policies", json!([policy("Pods", 4), policy("Percent", 100)]));
    }
    // How long a smaller scale is waited for is the controller's own business if nothing is said.
    if let Some(down) = behavior.always(&["scaleDown"]) {
        down.absent("selectPolicy", "Max");
        down.absent("policies", json!([policy("Percent", 100)]));
    }
}

/// Without a target the use of CPU is one, but only once it is known that there is no other: in the stored form.
pub fn horizontal_pod_autoscaler_v1(autoscaler: &mut Value) {
    if let Some(spec) = autoscaler.always(&["spec"]) {
        spec.absent("minReplicas", 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_behaviour_is_completed_where_there_is_one() {
        let mut object = json!({"spec": {"maxReplicas": 3}});
        horizontal_pod_autoscaler(&mut object);
        assert_eq!(object["spec"], json!({"maxReplicas": 3, "minReplicas": 1, "metrics": [default_metric()]}));
        object["spec"]["behavior"] = json!({"scaleUp": {"selectPolicy": "Min"}});
        horizontal_pod_autoscaler(&mut object);
        let behavior = &object["spec"]["behavior"];
        assert_eq!((behavior.text("/scaleUp/selectPolicy"), behavior.text("/scaleDown/selectPolicy")), ("Min", "Max"));
        assert_eq!((behavior.list("/scaleUp/policies").len(), behavior.list("/scaleDown/policies").len()), (2, 1));
        assert!(behavior.is_set("/scaleUp/stabilizationWindowSeconds") && !behavior.is_set("/scaleDown/stabilizationWindowSeconds"));
    }
}

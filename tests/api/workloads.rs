//! What keeps pods running, and what runs to its end: what is wrong with it, field by field, and what of it may change.

use kabuki::api::kinds::Subresource;
use serde_json::{Value, json};

use super::validation::{judge, judge_update};

fn template(spec: Value) -> Value {
    let mut pod = json!({"containers": [{"name": "c", "image": "i"}]});
    json_patch::merge(&mut pod, &spec);
    json!({"metadata": {"labels": {"app": "x"}}, "spec": pod})
}

fn workload(spec: Value) -> Value {
    let mut object = json!({"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template(json!({}))}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

fn job(spec: Value) -> Value {
    let mut object = json!({"metadata": {"uid": "u"}, "spec": {"template": {"spec": template(json!({"restartPolicy": "Never"}))["spec"]}}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

fn cron_job(spec: Value) -> Value {
    let mut object = json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": job(json!({}))["spec"]}}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

fn autoscaler(spec: Value) -> Value {
    let mut object = json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 3}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

#[test]
fn the_smallest_workloads_are_in_order() {
    for (kind, object) in [
        ("Deployment", workload(json!({}))),
        ("ReplicaSet", workload(json!({}))),
        ("StatefulSet", workload(json!({}))),
        ("DaemonSet", workload(json!({}))),
        ("ControllerRevision", json!({"revision": 1, "data": {}})),
        ("Job", job(json!({}))),
        ("CronJob", cron_job(json!({}))),
        ("HorizontalPodAutoscaler", autoscaler(json!({}))),
        ("PodDisruptionBudget", json!({})),
    ] {
        assert_eq!(judge(kind, object), [""; 0], "{kind}");
    }
}

#[test]
fn a_selector_must_select_what_the_template_makes() {
    let missed = "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`";
    for (kind, selector, expected) in [
        ("Deployment", json!(null), vec!["spec.selector: Required value", missed]),
        ("Deployment", json!({"matchLabels": null}), vec!["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        ("DaemonSet", json!(null), vec![missed]),
        ("DaemonSet", json!({"matchLabels": null}), vec!["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"]),
        ("StatefulSet", json!({"matchLabels": {"app": "y"}}), vec![missed]),
    ] {
        assert_eq!(judge(kind, workload(json!({ "selector": selector }))), expected, "{kind}");
    }
}

#[test]
fn a_rolling_update_has_a_way_to_roll() {
    for (kind, spec, expected) in [
        (
            "Deployment",
            json!({"strategy": {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}}),
            vec!["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            "Deployment",
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {}}}),
            vec!["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            "DaemonSet",
            json!({"updateStrategy": {"rollingUpdate": {"maxSurge": "10%"}}}),
            vec!["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: \"10%\": may not be set when maxUnavailable is non-zero"],
        ),
        (
            "StatefulSet",
            json!({"updateStrategy": {"rollingUpdate": {"partition": -1}}}),
            vec!["spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"],
        ),
    ] {
        assert_eq!(judge(kind, workload(spec)), expected, "{kind}");
    }
}

#[test]
fn a_stateful_set_changes_only_in_part_and_mounts_its_claims() {
    let claim =
        json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let mounts = json!([{"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
    let set = workload(json!({"volumeClaimTemplates": [claim], "template": {"spec": {"containers": mounts}}}));
    assert_eq!(judge("StatefulSet", set.clone()), [""; 0]);
    assert_eq!(judge_update("StatefulSet", set.clone(), json!({"spec": {"replicas": 3, "minReadySeconds": 1}}), None), [""; 0]);
    let errors = judge_update("StatefulSet", set, json!({"spec": {"serviceName": "other"}}), None);
    assert!(errors[0].starts_with("spec: Forbidden: updates to statefulset spec for fields other than 'replicas'"), "{errors:?}");
}

#[test]
fn a_selector_stays() {
    let change = json!({"spec": {"selector": {"matchLabels": null, "matchExpressions": [{"key": "app", "operator": "Exists"}]}}});
    let shown = "{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"Exists\"}]}";
    for kind in ["Deployment", "ReplicaSet", "DaemonSet"] {
        let errors = judge_update(kind, workload(json!({})), change.clone(), None);
        assert_eq!(errors, [format!("spec.selector: Invalid value: {shown}: field is immutable")], "{kind}");
    }
}

#[test]
fn the_counts_of_a_status_fit_each_other() {
    let status = json!({"status": {"replicas": 1, "readyReplicas": 2, "availableReplicas": 3, "collisionCount": -1}});
    assert_eq!(
        judge_update("Deployment", workload(json!({})), status, Some(Subresource::Status)),
        [
            "status.collisionCount: Invalid value: -1: must be greater than or equal to 0",
            "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
        ]
    );
}

#[test]
fn a_job_says_what_is_wrong_with_its_indexes_and_policies() {
    let indexed = |more: Value| {
        let mut spec = json!({"completionMode": "Indexed", "completions": 3});
        json_patch::merge(&mut spec, &more);
        spec
    };
    for (spec, expected) in [
        (
            json!({"completionMode": "Indexed", "completions": null, "parallelism": 2}),
            vec!["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (
            json!({"maxFailedIndexes": 1}),
            vec![
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
                "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
            ],
        ),
        (
            indexed(json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 4})),
            vec!["spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions"],
        ),
        (
            indexed(
                json!({"successPolicy": {"rules": [{"succeededIndexes": "0,3"}, {}, {"succeededIndexes": "0-1", "succeededCount": 3}]}}),
            ),
            vec![
                "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0,3\": error parsing succeededIndexes: too large index: \"3\"",
                "spec.successPolicy.rules[1]: Required value: at least one of succeededCount or succeededIndexes must be specified",
                "spec.successPolicy.rules[2].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the \
                 specified succeededIndexes field)",
            ],
        ),
        (
            json!({"podFailurePolicy": {"rules": [{"action": "FailIndex"}, {"action": "", "onExitCodes": {"operator": "NotIn", "values": [2, 1], "containerName": "z"}}]}}),
            vec![
                "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set",
                "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
                "spec.podFailurePolicy.rules[1].action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]",
                "spec.podFailurePolicy.rules[1].onExitCodes.containerName: Invalid value: \"z\": must be one of the container or initContainer \
                 names in the pod template",
                "spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: [2,1]: must be ordered",
            ],
        ),
        (
            json!({"managedBy": "a_/b"}),
            vec![
                "spec.managedBy: Invalid value: \"a_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        ),
    ] {
        assert_eq!(judge("Job", job(spec)), expected);
    }
}

#[test]
fn only_where_its_pods_go_may_change_in_a_job_that_has_not_begun() {
    let change = json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}, "spec": {"nodeSelector": {"zone": "z"}}}}});
    assert_eq!(judge_update("Job", job(json!({"suspend": true})), change.clone(), None), [""; 0]);
    let errors = judge_update("Job", job(json!({})), change, None);
    assert!(errors[0].starts_with("spec.template: Invalid value: ") && errors[0].ends_with(": field is immutable"), "{errors:?}");
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "other"}]}}}});
    assert_eq!(judge_update("Job", job(json!({"suspend": true})), image, None).len(), 1);
    let larger = |parallelism: i32| json!({"spec": {"completions": 4, "parallelism": parallelism}});
    let indexed = || job(json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3}));
    assert_eq!(judge_update("Job", indexed(), larger(4), None), [""; 0]);
    assert_eq!(
        judge_update("Job", indexed(), larger(3), None),
        ["spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism"]
    );
}

#[test]
fn a_job_ends_once_and_says_when() {
    let condition = |kind: &str| json!({"type": kind, "status": "True"});
    let ended = json!({"status": {"conditions": [condition("Complete")], "active": 1}});
    assert_eq!(
        judge_update("Job", job(json!({})), ended, Some(Subresource::Status)),
        [
            "status.completionTime: Required value: completionTime is required for Complete jobs",
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
            "status.startTime: Required value: startTime is required for finished job",
        ]
    );
    let time = "2020-01-01T00:00:00Z";
    let done = json!({"conditions": [condition("SuccessCriteriaMet"), condition("Complete")], "startTime": time, "completionTime": time});
    assert_eq!(judge_update("Job", job(json!({})), json!({ "status": done }), Some(Subresource::Status)), [""; 0]);
    let indexes = json!({"status": {"completedIndexes": "0-1", "failedIndexes": "1"}});
    assert_eq!(
        judge_update(
            "Job",
            job(json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1})),
            indexes,
            Some(Subresource::Status)
        ),
        ["status.failedIndexes: Invalid value: \"1\": failedIndexes and completedIndexes overlap at index: 1"]
    );
}

#[test]
fn a_cron_job_has_a_schedule_and_a_zone() {
    for (spec, expected) in [
        (json!({"schedule": "61 * * * *"}), vec!["spec.schedule: Invalid value: \"61 * * * *\": end of range (61) above maximum (59): 61"]),
        (json!({"timeZone": ""}), vec!["spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string"]),
        (
            json!({"concurrencyPolicy": "X"}),
            vec!["spec.concurrencyPolicy: Unsupported value: \"X\": supported values: \"Allow\", \"Forbid\", \"Replace\""],
        ),
        (
            json!({"jobTemplate": {"spec": {"manualSelector": true}}}),
            vec!["spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\""],
        ),
    ] {
        assert_eq!(judge("CronJob", cron_job(spec)), expected);
    }
}

#[test]
fn an_autoscaler_says_what_is_wrong_with_its_metrics_and_behaviour() {
    for (spec, expected) in [
        (
            json!({"metrics": [{"type": "Pods", "pods": {"metric": {"name": "a/b"}, "target": {"type": "Value", "value": "0"}}}]}),
            vec![
                "spec.metrics[0].pods.metric.name: Invalid value: \"a/b\": may not contain '/'",
                "spec.metrics[0].pods.target.value: Invalid value: \"0\": must be positive",
                "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
            ],
        ),
        (
            json!({"metrics": [{"type": "Resource", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "1"}}}]}),
            vec!["spec.metrics[0].resource: Required value: must populate information for the given metric source"],
        ),
        (
            json!({"behavior": {"scaleUp": {"policies": [{"type": "X", "value": 0, "periodSeconds": 2000}]}}}),
            vec![
                "spec.behavior.scaleUp.policies[0].type: Unsupported value: \"X\": supported values: \"Percent\", \"Pods\"",
                "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 2000: must be less than or equal to 1800",
            ],
        ),
        (
            json!({"scaleTargetRef": {"apiVersion": "v1"}}),
            vec!["spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group"],
        ),
        (json!({"scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController"}}), vec![]),
    ] {
        assert_eq!(judge("HorizontalPodAutoscaler", autoscaler(spec)), expected);
    }
}

#[test]
fn a_budget_is_a_number_or_a_share() {
    for (spec, expected) in [
        (json!({"minAvailable": "101%"}), vec!["spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%"]),
        (
            json!({"unhealthyPodEvictionPolicy": "X"}),
            vec!["spec.unhealthyPodEvictionPolicy: Unsupported value: \"X\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\""],
        ),
    ] {
        assert_eq!(judge("PodDisruptionBudget", json!({ "spec": spec })), expected);
    }
    let status = json!({"status": {"conditions": [{"type": "A", "status": "Maybe"}], "currentHealthy": -1}});
    assert_eq!(
        judge_update("PodDisruptionBudget", json!({}), status, Some(Subresource::Status)),
        [
            "status.conditions[0].status: Unsupported value: \"Maybe\": supported values: \"False\", \"True\", \"Unknown\"",
            "status.conditions[0].lastTransitionTime: Required value",
            "status.conditions[0].reason: Required value",
            "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0",
        ]
    );
}

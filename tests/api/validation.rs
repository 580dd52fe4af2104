//! What is wrong with an object is named in one answer, field by field, in upstream's words.

use kabuki::api::kinds::{KindRef, Registry, Subresource};
use kabuki::api::validation::ErrorList;
use serde_json::{Value, json};

fn kind(kind: &str) -> &'static KindRef {
    let found = Registry::built_in().all().find(|one| one.kind() == kind && one.view.is_none());
    found.expect("the kind is declared")
}

/// An object as it is judged: complete, and with what the server decides on.
fn complete(kind: &KindRef, mut object: Value) -> Value {
    if kind.is_namespaced() {
        object["metadata"]["namespace"] = "default".into();
    }
    if object["metadata"]["name"].is_null() {
        object["metadata"]["name"] = "x".into();
    }
    (kind.defaults)(&mut object);
    (kind.prepare_create)(&mut object);
    object
}

fn lines(errors: ErrorList) -> Vec<String> {
    errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

pub fn judge(name: &str, object: Value) -> Vec<String> {
    let kind = kind(name);
    lines(kind.judges.create(&complete(kind, object)).errors)
}

/// A change of a complete object by a JSON merge patch.
pub fn judge_update(name: &str, object: Value, change: Value, subresource: Option<Subresource>) -> Vec<String> {
    let kind = kind(name);
    let old = complete(kind, object);
    let mut new = old.clone();
    json_patch::merge(&mut new, &change);
    (kind.defaults)(&mut new);
    (kind.prepare_update)(&mut new, &old, subresource);
    lines(kind.judges.update(subresource, &new, &old).errors)
}

fn pod(spec: Value) -> Value {
    let mut object = json!({"spec": {"serviceAccountName": "default", "containers": [{"name": "c", "image": "i"}]}});
    json_patch::merge(&mut object["spec"], &spec);
    object
}

fn container(fields: Value) -> Value {
    let mut object = json!({"name": "c", "image": "i"});
    json_patch::merge(&mut object, &fields);
    pod(json!({ "containers": [object] }))
}

#[test]
fn the_smallest_objects_are_in_order() {
    for (name, object) in [
        ("Pod", pod(json!({}))),
        ("ConfigMap", json!({})),
        ("Secret", json!({})),
        ("Service", json!({"spec": {"ports": [{"port": 80}]}})),
        ("Namespace", json!({})),
        ("Node", json!({})),
        ("Lease", json!({"spec": {"leaseDurationSeconds": 15}})),
        ("PriorityClass", json!({"value": 5})),
        ("PersistentVolumeClaim", json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})),
        (
            "PersistentVolume",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/a"}}}),
        ),
        ("Event", json!({"involvedObject": {"namespace": "default"}})),
        ("EndpointSlice", json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]})),
        ("ResourceQuota", json!({"spec": {"hard": {"pods": "1", "count/things.example.com": "2"}}})),
        ("LimitRange", json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}})),
    ] {
        assert_eq!(judge(name, object), [""; 0], "{name}");
    }
}

#[test]
fn every_wrong_field_of_a_container_is_named() {
    for (fields, expected) in [
        (json!({"name": ""}), vec!["spec.containers[0].name: Required value"]),
        (json!({"image": " i"}), vec!["spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing whitespace"]),
        (
            json!({"ports": [{"containerPort": 0}, {"containerPort": 70000, "protocol": "X"}]}),
            vec![
                "spec.containers[0].ports[0].containerPort: Required value",
                "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "spec.containers[0].ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        ),
        (
            json!({"env": [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
            vec!["spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
        ),
        (
            json!({"livenessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}, "successThreshold": 2}}),
            vec![
                "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (
            json!({"resources": {"requests": {"cpu": "2", "bogus": "1"}, "limits": {"cpu": "1"}}}),
            vec![
                "spec.containers[0].resources.requests[bogus]: Invalid value: \"bogus\": must be a standard resource type or fully qualified",
                "spec.containers[0].resources.requests[bogus]: Invalid value: \"bogus\": must be a standard resource for containers",
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            ],
        ),
        (json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}), vec!["spec.containers[0].volumeMounts[0].name: Not found: \"v\""]),
    ] {
        assert_eq!(judge("Pod", container(fields)), expected);
    }
}

#[test]
fn every_wrong_field_of_a_pod_is_named() {
    for (spec, expected) in [
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}),
            vec!["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            json!({"tolerations": [{"operator": "Equal"}]}),
            vec![
                "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all \
                 values and all keys\"",
            ],
        ),
        (
            json!({"initContainers": [{"name": "c", "image": "i", "readinessProbe": {"exec": {"command": ["a"]}}}]}),
            vec![
                "spec.initContainers[0].name: Duplicate value: \"c\"",
                "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            json!({"schedulingGates": [{"name": "a"}], "nodeName": "n"}),
            vec!["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
        (
            json!({"restartPolicy": "Maybe"}),
            vec!["spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\""],
        ),
    ] {
        assert_eq!(judge("Pod", pod(spec)), expected);
    }
}

#[test]
fn only_a_few_fields_of_a_pod_may_change() {
    let change = |spec: Value| judge_update("Pod", pod(json!({"activeDeadlineSeconds": 60})), json!({ "spec": spec }), None);
    assert_eq!(
        change(
            json!({"containers": [{"name": "c", "image": "other", "imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}]})
        ),
        [""; 0]
    );
    assert_eq!(change(json!({"activeDeadlineSeconds": 5, "tolerations": [{"operator": "Exists"}]})), [""; 0]);
    assert_eq!(
        change(json!({"activeDeadlineSeconds": 61})),
        ["spec.activeDeadlineSeconds: Invalid value: 61: must be less than or equal to previous value"]
    );
    let errors = change(json!({"nodeName": "n"}));
    assert!(
        errors[0].starts_with("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"),
        "{errors:?}"
    );
    assert!(errors[0].contains("+") && errors[0].contains("\n-  \"nodeName\": \"n\""), "the difference is shown: {errors:?}");
}

#[test]
fn a_subresource_changes_its_part_only() {
    let ephemeral = json!({"spec": {"ephemeralContainers": [{"name": "c", "image": "i", "targetContainerName": "zz", "ports": [{"containerPort": 1}]}]}});
    assert_eq!(
        judge_update("Pod", pod(json!({})), ephemeral, Some(Subresource::EphemeralContainers)),
        [
            "spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
            "spec.ephemeralContainers[0].targetContainerName: Not found: \"zz\"",
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
        ]
    );
    let status = json!({"status": {"qosClass": "Guaranteed", "podIPs": [{"ip": "x"}]}});
    assert_eq!(
        judge_update("Pod", pod(json!({})), status, Some(Subresource::Status)),
        [
            "status.qosClass: Invalid value: \"Guaranteed\": field is immutable",
            "status.podIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ]
    );
    let full = json!({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}});
    let removed = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(
        judge_update("Pod", container(full), removed, Some(Subresource::Resize)),
        [
            "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing",
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
            "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
        ]
    );
}

#[test]
fn a_service_says_what_is_wrong_with_its_ports_addresses_and_policies() {
    for (spec, expected) in [
        (json!({}), vec!["spec.ports: Required value"]),
        (json!({"type": "ExternalName"}), vec!["spec.externalName: Required value"]),
        (json!({"ports": [{"port": 1}, {"port": 2}]}), vec!["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
        (
            json!({"ports": [{"port": 1}], "clusterIP": "x", "ipFamilies": ["IPv5"]}),
            vec![
                "spec.ipFamilies[0]: Unsupported value: \"IPv5\": supported values: \"IPv4\", \"IPv6\"",
                "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        (
            json!({"ports": [{"port": 1, "nodePort": 30000}], "externalTrafficPolicy": "Local"}),
            vec![
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
                "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            ],
        ),
    ] {
        assert_eq!(judge("Service", json!({ "spec": spec })), expected);
    }
    let service = json!({"spec": {"ports": [{"port": 1}], "clusterIP": "10.96.0.9"}});
    assert_eq!(
        judge_update("Service", service, json!({"spec": {"clusterIP": "10.96.0.8"}}), None),
        ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.8\"]: may not change once set"]
    );
}

#[test]
fn what_is_kept_for_ever_does_not_change() {
    let map = json!({"data": {"a": "1"}, "immutable": true});
    assert_eq!(
        judge_update("ConfigMap", map, json!({"data": {"a": "2"}, "immutable": false}), None),
        ["immutable: Forbidden: field is immutable when `immutable` is set", "data: Forbidden: field is immutable when `immutable` is set",]
    );
    assert_eq!(
        judge_update("Secret", json!({}), json!({"type": "example.com/other"}), None),
        ["type: Invalid value: \"example.com/other\": field is immutable"]
    );
    assert_eq!(
        judge_update("PriorityClass", json!({"value": 1}), json!({"value": 2}), None),
        ["value: Forbidden: may not be changed in an update."]
    );
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let kind = kind("Pod");
    let twice = json!({"env": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}], "resources": {"limits": {"memory": "100m"}}});
    let pod = complete(kind, container(twice));
    assert_eq!(
        kind.judges.create(&pod).warnings,
        [
            "spec.containers[0].resources.limits[memory]: fractional byte value \"100m\" is invalid, must be an integer",
            "spec.containers[0].resources.requests[memory]: fractional byte value \"100m\" is invalid, must be an integer",
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
        ]
    );
    assert!(kind.judges.update(None, &pod, &pod).warnings.is_empty(), "only of a new pod");
}

#[test]
fn the_cost_of_deleting_a_pod_is_a_number() {
    let priced = |cost: &str| {
        let mut object = pod(json!({}));
        object["metadata"] = json!({"annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}});
        object
    };
    let wrong = |at: &str, cost: &str| {
        vec![format!("{at}annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"{cost}\": must be a 32bit integer")]
    };
    for cost in ["0", "10", "-10", "2147483647", "-2147483648"] {
        assert_eq!(judge("Pod", priced(cost)), [""; 0], "{cost}");
    }
    for cost in ["x", "", "+1", "08", "2147483648", "1.5"] {
        assert_eq!(judge("Pod", priced(cost)), wrong("metadata.", cost));
    }
    assert_eq!(judge("PodTemplate", json!({"template": priced("x")})), wrong("template.", "x"));
    let priced_at = |cost: &str| json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}}});
    assert_eq!(judge_update("Pod", priced("1"), priced_at("x"), None), wrong("metadata.", "x"));
    // What was wrong before the rule was there does not stop a pod's life.
    assert_eq!(judge_update("Pod", priced("x"), json!({"status": {"phase": "Running"}}), Some(Subresource::Status)), [""; 0]);
}

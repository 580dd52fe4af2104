//! From what an API lists to what a cluster begins with, and what becomes of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Export;
use crate::api::yaml;
use crate::simulation::{Fate, Scenario, Watching, rehearse};

/// Three nodes of two zones, one of which has no room for more than a pod; a replica set, a daemon set and what else there is.
const CLUSTER: &str = r#"
- apiVersion: v1
  kind: Node
  metadata: {name: alpha, uid: n-1, creationTimestamp: "2026-05-01T00:00:00Z", labels: {topology.kubernetes.io/zone: east, disk: ssd}}
  spec: {podCIDR: 10.42.0.0/24, podCIDRs: [10.42.0.0/24], taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]}
  status:
    capacity: {cpu: "4", memory: 8Gi, pods: "110", nvidia.com/gpu: "2"}
    allocatable: {cpu: 3920m, memory: 7Gi, pods: "110", nvidia.com/gpu: "2"}
    conditions: [{type: Ready, status: "True", lastHeartbeatTime: "2026-05-02T10:00:00Z"}]
- apiVersion: v1
  kind: Node
  metadata: {name: beta, uid: n-2, labels: {topology.kubernetes.io/zone: west}}
  spec: {}
  status: {capacity: {cpu: "1", memory: 8Gi, pods: "110"}, allocatable: {cpu: 900m, memory: 7Gi, pods: "110"}}
- apiVersion: v1
  kind: Node
  metadata: {name: gamma, uid: n-3, labels: {topology.kubernetes.io/zone: west}}
  spec: {unschedulable: true}
  status: {capacity: {cpu: "8", memory: 8Gi, pods: "110"}, allocatable: {cpu: "8", memory: 7Gi, pods: "110"}}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: web, namespace: shop, uid: rs-1}
  spec:
    replicas: 2
    selector: {matchLabels: {app: web}}
    template: &template
      metadata: {labels: {app: web, hash: h1}}
      spec: &spec
        serviceAccountName: web
        priorityClassName: gold
        priority: 1000
        containers: [{name: web, image: "web:1", resources: {requests: {cpu: 600m}}}]
- apiVersion: v1
  kind: Pod
  metadata: &owned
    name: web-1
    namespace: shop
    uid: p-1
    labels: {app: web, hash: h1}
    finalizers: [example.com/kept]
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: rs-1, controller: true}]
  spec: {<<: *spec, nodeName: alpha}
  status: {phase: Running, podIP: 10.42.0.7, startTime: "2026-05-01T00:00:10Z"}
- apiVersion: v1
  kind: Pod
  metadata: {<<: *owned, name: web-2, uid: p-2}
  spec: {<<: *spec, nodeName: alpha}
  status: {phase: Running}
- apiVersion: v1
  kind: Pod
  metadata:
    name: logs-1
    namespace: shop
    uid: p-3
    ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: logs, uid: ds-1, controller: true}]
  spec: {nodeName: alpha, containers: [{name: logs, image: logs}]}
  status: {phase: Running}
- {apiVersion: v1, kind: Pod, metadata: {name: done, namespace: shop, uid: p-4}, spec: {nodeName: alpha, containers: []}, status: {phase: Succeeded}}
- {apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {clusterIP: 10.43.0.1, ports: [{port: 443}]}}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop, uid: s-1}
  spec: {type: NodePort, clusterIP: 10.43.9.9, clusterIPs: [10.43.9.9], ipFamilies: [IPv4], selector: {app: web}, ports: [{port: 80, nodePort: 31000}]}
- {apiVersion: v1, kind: Endpoints, metadata: {name: web, namespace: shop}, subsets: []}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: shop}, data: {ca.crt: x}}
- {apiVersion: v1, kind: Event, metadata: {name: e, namespace: shop}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: alpha, namespace: kube-node-lease}, spec: {}}
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: logs, namespace: shop, uid: ds-1}}
- apiVersion: v1
  kind: Secret
  metadata:
    name: key
    namespace: shop
    annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"key":"c2VjcmV0"}}'}
  data: {key: c2VjcmV0}
"#;

fn objects() -> Vec<Value> {
    yaml::document(CLUSTER).unwrap().as_array().unwrap().clone()
}

fn find<'a>(export: &'a Export, kind: &str, name: &str) -> &'a Value {
    let found = export.0.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

#[test]
fn what_was_written_by_hand_is_known_again_and_said_once() {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let (export, remarks) = Export::of(vec![node.clone(), pod.clone(), pod.clone()], false).unwrap();
    let uid = find(&export, "Pod", "p")["metadata"]["uid"].clone();
    assert_eq!(uid.as_str().unwrap().len(), 36);
    assert_eq!(find(&Export::of(vec![node, pod], false).unwrap().0, "Pod", "p")["metadata"]["uid"], uid);
    assert!(remarks.iter().any(|remark| remark == "Pod default/p is in the export more than once: the first is taken"), "{remarks:?}");
}

#[test]
fn nodes_become_machines_of_their_sizes() {
    let (export, _) = Export::of(objects(), false).unwrap();
    let machines = export.machines();
    assert_eq!(machines.iter().map(|m| (&*m.name, &*m.zone)).collect::<Vec<_>>(), [("alpha", "east"), ("beta", "west"), ("gamma", "west")]);
    let resources = machines[0].resources.as_ref().unwrap();
    assert_eq!((resources.capacity["cpu"].to_string(), resources.allocatable["cpu"].to_string()), ("4".to_owned(), "3920m".to_owned()));
    assert_eq!(resources.allocatable["nvidia.com/gpu"].value(), 2);
    assert_eq!((machines[0].labels["disk"].as_str(), machines[0].taints.len()), ("ssd", 0));
    assert_eq!(find(&export, "Node", "alpha")["spec"].get("podCIDR"), None);
    assert_eq!(find(&export, "Node", "gamma")["spec"]["unschedulable"], true);
    assert_eq!(export.at().unwrap().to_string(), "2026-05-02T10:00:00Z");
}

#[test]
fn owners_keep_what_they_own_and_statuses_are_made_anew() {
    let (export, remarks) = Export::of(objects(), false).unwrap();
    let pod = find(&export, "Pod", "web-1");
    assert_eq!((&pod["metadata"]["uid"], &pod["spec"]["nodeName"]), (&json!("p-1"), &json!("alpha")));
    assert_eq!((&pod["status"]["phase"], pod["status"].get("podIP"), pod["metadata"].get("finalizers")), (&json!("Pending"), None, None));
    let controller = find(&export, "ReplicationController", "web");
    assert_eq!(controller["spec"]["selector"], json!({"app": "web", "hash": "h1"}));
    let owner = &pod["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["uid"]), (&json!("ReplicationController"), &controller["metadata"]["uid"]));
    assert_eq!(find(&export, "Pod", "logs-1")["metadata"]["ownerReferences"][0]["kind"], "DaemonSet");
    for (kind, name) in [("Namespace", "shop"), ("ServiceAccount", "web"), ("PriorityClass", "gold")] {
        find(&export, kind, name);
    }
    let there = |kind: &str| export.0.objects.iter().filter(|object| object["kind"] == kind).count();
    assert_eq!(["Endpoints", "Event", "Lease", "ConfigMap", "DaemonSet"].map(there), [0; 5]);
    let service = find(&export, "Service", "web");
    assert_eq!((service["spec"].get("clusterIP"), service["spec"]["ports"][0].get("nodePort"), there("Service")), (None, None, 1));
    let expected = [
        "1 ReplicaSet played by replication controllers",
        "1 DaemonSet left out: of a kind that nothing acts on here",
        "1 Pod left out: over",
    ];
    assert_eq!(remarks, expected);
}

#[test]
fn values_of_secrets_are_left_out_unless_they_are_asked_for() {
    let (export, _) = Export::of(objects(), false).unwrap();
    let secret = find(&export, "Secret", "key");
    assert_eq!(secret["data"], json!({"key": ""}));
    assert!(!serde_json::to_string(&export).unwrap().contains("c2VjcmV0"));
    let (export, _) = Export::of(objects(), true).unwrap();
    assert_eq!(find(&export, "Secret", "key")["data"], json!({"key": "c2VjcmV0"}));
}

#[test]
fn what_is_no_cluster_is_refused_with_its_place() {
    let refused = |objects: Vec<Value>| Export::of(objects, false).unwrap_err().to_string();
    assert!(refused(Vec::new()).contains("has no nodes"));
    assert!(refused(vec![json!({"kind": "Pod"})]).starts_with("object 1 of the export has no kind or no metadata.name"));
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"image": "i"}]}});
    let status = json!({"capacity": {"cpu": "4"}, "allocatable": {"cpu": "-1"}});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": status});
    assert!(refused(vec![node]).starts_with("Node n: status.allocatable[cpu] is \"-1\": it has to be"));
    let error = refused(vec![pod]);
    assert!(error.starts_with("Pod n/p: ") && error.contains("spec.containers[0].name"), "{error}");
}

#[test]
fn pods_do_without_settings_and_storage_that_the_export_lacks() {
    let mut objects = objects();
    let volumes = json!([
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "key", "secret": {"secretName": "key"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "token", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "lost"}}]}},
    ]);
    let from = json!([{"secretRef": {"name": "lost"}}, {"configMapRef": {"name": "settings"}}]);
    for object in objects.iter_mut().filter(|object| object["metadata"]["name"] == "web-1") {
        object["spec"]["volumes"] = volumes.clone();
        object["spec"]["containers"][0]["envFrom"] = from.clone();
    }
    let (export, remarks) = Export::of(objects, false).unwrap();
    let spec = &find(&export, "Pod", "web-1")["spec"];
    assert_eq!(spec["volumes"][0]["configMap"]["optional"], true);
    assert_eq!(spec["volumes"][1]["secret"].get("optional"), None);
    assert_eq!(spec["volumes"][2], json!({"name": "data", "emptyDir": {}}));
    let sources = &spec["volumes"][3]["projected"]["sources"];
    assert_eq!((sources[0]["configMap"].get("optional"), &sources[1]["secret"]["optional"]), (None, &json!(true)));
    assert_eq!([0, 1].map(|at| spec["containers"][0]["envFrom"][at].to_string().contains("\"optional\":true")), [true; 2]);
    for remark in [
        "ConfigMap shop/settings is not in the export: pods do without it",
        "Secret shop/lost is not in the export: pods do without it",
        "1 volumes of storage are empty directories, tied to no node",
    ] {
        assert!(remarks.iter().any(|said| said == remark), "{remark}: {remarks:?}");
    }
    let script = Scenario::read("{name: x, about: x, timeline: []}").unwrap().script(1).from(export);
    let (outcome, _) = rehearse(&script, &Watching::default()).unwrap();
    assert_eq!((outcome.violation, outcome.landings.unwrap().stayed), (None, 3));
}

#[test]
fn after_a_drain_pods_land_elsewhere_or_wait_and_say_why() {
    let (export, _) = Export::of(objects(), false).unwrap();
    let scenario = "{name: drain, about: x, timeline: [{at: 1s, do: {drain: {node: alpha}}}]}";
    let script = Scenario::read(scenario).unwrap().script(1).from(export);
    let (outcome, _) = rehearse(&script, &Watching::default()).unwrap();
    assert_eq!(outcome.violation, None);
    let landings = outcome.landings.unwrap();
    assert_eq!((landings.stayed, landings.pods.len()), (1, 2), "{landings:?}");
    let [moved, pending] = &landings.pods[..] else { unreachable!("there are two") };
    assert_eq!((moved.fate, moved.from.as_deref(), moved.to.as_deref()), (Fate::Moved, Some("alpha"), Some("beta")));
    assert_eq!(pending.fate, Fate::Pending);
    // Which of the two is replaced first is chance.
    let replaced: BTreeSet<Option<&str>> = [moved, pending].map(|landing| landing.replaces.as_deref()).into();
    assert_eq!(replaced, [Some("shop/web-1"), Some("shop/web-2")].into());
    assert!(pending.why.contains("1 Insufficient cpu") && pending.why.contains("2 node(s) were unschedulable"), "{}", pending.why);
}

#[test]
fn a_node_that_is_not_in_the_export_cannot_be_drained() {
    let (export, _) = Export::of(objects(), false).unwrap();
    let error = |deed: &str| {
        let scenario = format!("{{name: x, about: x, timeline: [{{at: 1s, do: {deed}}}]}}");
        let script = Scenario::read(&scenario).unwrap().script(1).from(export.clone());
        rehearse(&script, &Watching::default()).map(drop).unwrap_err().to_string()
    };
    assert_eq!(error("{drain: {node: omega}}"), "timeline[0]: drain: there is no node \"omega\": there are alpha, beta, gamma");
    assert_eq!(error("{lose-zone: {zone: north, for: 1m}}"), "timeline[0]: lose-zone: there is no zone \"north\": there are east, west");
}

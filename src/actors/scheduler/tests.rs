//! Decisions by tables, and the queue by a clock of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1;
use serde_json::{Value, json};

use super::affinity::NodeTerms;
use super::cluster::{Claim, Cluster};
use super::event::ClusterEvent;
use super::framework::{Diagnosis, Plugin, Search, schedule};
use super::node::NodeInfo;
use super::plugins::default_profile;
use super::pod::PodInfo;
use super::preemption::preempt;
use super::queue::Queue;
use crate::actors::informer::ObjectKey;
use crate::api::object::Object;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.into_iter().for_each(|(key, value)| merge(base.entry(key).or_insert(Value::Null), value))
        }
        (base, over) => *base = over,
    }
}

pub(super) fn node(name: &str, over: Value) -> Object {
    let mut value = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "10Gi"}},
    });
    merge(&mut value, over);
    Object::from_value(value).unwrap()
}

pub(super) fn pod(name: &str, over: Value) -> Arc<PodInfo> {
    let mut value = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]},
    });
    merge(&mut value, over);
    Arc::new(PodInfo::from(&Object::from_value(value).unwrap()))
}

fn asking(name: &str, cpu: &str, priority: i32) -> Arc<PodInfo> {
    let containers = json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]);
    pod(name, json!({"spec": {"containers": containers, "priority": priority}}))
}

struct Bench {
    cluster: Cluster,
    plugins: Vec<Box<dyn Plugin>>,
    search: Search,
}

impl Bench {
    fn new(nodes: impl IntoIterator<Item = Object>) -> Self {
        let mut cluster = Cluster::default();
        nodes.into_iter().for_each(|node| cluster.put_node(&node));
        Self { cluster, plugins: default_profile(), search: Search { start: 0, entropy: Entropy::from_seed(1) } }
    }

    fn with(mut self, pod: &Arc<PodInfo>, node: &str) -> Self {
        self.cluster.put_pod(pod.clone(), node);
        self
    }

    fn place(&mut self, pod: &PodInfo) -> Result<String, Box<Diagnosis>> {
        schedule(&self.plugins, pod, &mut self.cluster, &mut self.search).map(|node| node.to_string())
    }

    fn node_for(&mut self, pod: &PodInfo) -> String {
        self.place(pod).unwrap_or_else(|diagnosis| panic!("{}", diagnosis.message()))
    }

    /// The message of the condition that a client sees.
    fn complaint(&mut self, pod: &PodInfo) -> String {
        let mut diagnosis = self.place(pod).expect_err("a pod that fits nowhere");
        diagnosis.preemption = preempt(&self.plugins, pod, &self.cluster, &diagnosis).err().unwrap_or_default();
        diagnosis.message()
    }
}

const UNHELPFUL: &str = "Preemption is not helpful for scheduling";

fn zone(name: &str) -> Value {
    json!({"metadata": {"labels": {"zone": name}}})
}

#[test]
fn every_refusal_says_how_many_nodes_lack_what() {
    let port = json!({"spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 80}]}]}});
    let spread = json!({"spec": {"topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]}});
    let near = json!({"spec": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "none"}}, "topologyKey": "kubernetes.io/hostname"}]}}}});
    let tainted = json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}});
    let table = [
        (json!({}), asking("p", "100", 0), "1 Insufficient cpu", UNHELPFUL),
        (json!({"status": {"allocatable": {"pods": "0"}}}), pod("p", json!({})), "1 Too many pods", UNHELPFUL),
        (json!({"spec": {"unschedulable": true}}), pod("p", json!({})), "1 node(s) were unschedulable", UNHELPFUL),
        (tainted, pod("p", json!({})), "1 node(s) had untolerated taint(s)", UNHELPFUL),
        (
            json!({}),
            pod("p", json!({"spec": {"nodeSelector": {"zone": "z"}}})),
            "1 node(s) didn't match Pod's node affinity/selector",
            UNHELPFUL,
        ),
        (json!({}), pod("p", spread), "1 node(s) didn't match pod topology spread constraints (missing required label)", UNHELPFUL),
        (json!({}), pod("p", near), "1 node(s) didn't match pod affinity rules", UNHELPFUL),
    ];
    for (over, pod, reason, preemption) in table {
        let expected =
            format!("0/1 nodes are available: {reason}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 {preemption}.");
        assert_eq!(Bench::new([node("a", over)]).complaint(&pod), expected);
    }
    let taken = pod("q", port.clone());
    let complaint = Bench::new([node("a", json!({}))]).with(&taken, "a").complaint(&pod("p", port));
    assert!(complaint.starts_with("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."), "{complaint}");
    assert!(complaint.ends_with("1 No preemption victims found for incoming pod."), "{complaint}");
}

#[test]
fn reasons_are_counted_over_all_nodes() {
    let small = json!({"status": {"allocatable": {"cpu": "1", "memory": "1Gi"}}});
    let containers = json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": "3", "memory": "4Gi"}}}]);
    let wanting = pod("p", json!({"spec": {"containers": containers}}));
    let short = json!({"status": {"allocatable": {"cpu": "4", "memory": "1Gi"}}});
    let mut bench = Bench::new([node("a", small), node("b", short), node("c", json!({"spec": {"unschedulable": true}}))]);
    let complaint = bench.complaint(&wanting);
    assert!(
        complaint.starts_with("0/3 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, 2 Insufficient memory."),
        "{complaint}"
    );
    assert_eq!(Bench::new([]).complaint(&wanting), "no nodes available to schedule pods");
}

#[test]
fn a_missing_claim_keeps_a_pod_from_every_node() {
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "none"}}]);
    let complaint = Bench::new([node("a", json!({}))]).complaint(&pod("p", json!({"spec": {"volumes": volumes}})));
    assert_eq!(complaint, "0/1 nodes are available: persistentvolumeclaim \"none\" not found. not found");
}

fn claiming(name: &str) -> Arc<PodInfo> {
    pod(name, json!({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}}))
}

#[test]
fn a_pod_goes_where_its_volume_is_and_waits_until_there_is_one() {
    let zoned: v1::NodeSelector = serde_json::from_value(json!({"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]}))
    .unwrap();
    let bound = Claim { volume: Some("v".into()), lost: false, terminating: false };
    let here = Some(zoned.clone());
    let table = [
        (Claim { volume: None, ..bound.clone() }, None, "pod has unbound immediate PersistentVolumeClaims"),
        (Claim { terminating: true, ..bound.clone() }, here.clone(), "persistentvolumeclaim \"c\" is being deleted"),
        (Claim { lost: true, ..bound.clone() }, None, "persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"v\""),
        (bound.clone(), None, "1 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
        (bound.clone(), here.clone(), "1 node(s) didn't match PersistentVolume's node affinity"),
    ];
    let with = |claim: Claim, volume: Option<v1::NodeSelector>, nodes: Vec<Object>| {
        let mut bench = Bench::new(nodes);
        bench.cluster.claims.insert(ObjectKey::new("default", "c"), claim);
        if let Some(selector) = volume {
            bench.cluster.volumes.insert("v".into(), Some(Arc::new(NodeTerms::from(selector))));
        }
        bench
    };
    for (claim, volume, reason) in table {
        let complaint = with(claim, volume, vec![node("a", zone("a"))]).complaint(&claiming("p"));
        assert!(complaint.starts_with(&format!("0/1 nodes are available: {reason}.")), "{complaint}");
    }
    assert_eq!(with(bound, here, vec![node("a", zone("a")), node("b", zone("b"))]).node_for(&claiming("p")), "b");
}

#[test]
fn a_pod_that_waits_for_its_claim_is_woken_by_no_other() {
    let plugins = default_profile();
    let now = clock::instant();
    let mut queue = Queue::default();
    let waiting = claiming("p");
    queue.put(waiting.clone());
    queue.pop();
    queue.refused(&waiting.key, ["VolumeBinding"].into(), now);
    for (namespace, name, woken) in [("default", "other", false), ("elsewhere", "c", false), ("default", "c", true)] {
        queue.happened(&ClusterEvent::Claim(ObjectKey::new(namespace, name)), &plugins);
        queue.advance(now + Duration::from_secs(2));
        assert_eq!(queue.pop().is_some(), woken, "{namespace}/{name}");
    }
}

#[test]
fn the_emptier_node_wins() {
    let mut bench = Bench::new([node("a", json!({})), node("b", json!({}))]).with(&asking("q", "3", 0), "a");
    assert_eq!(bench.node_for(&asking("p", "1", 0)), "b");
}

#[test]
fn like_pods_are_spread_over_nodes_though_nobody_asked() {
    let app = |name| pod(name, json!({"metadata": {"labels": {"app": "web"}}}));
    let mut bench = Bench::new([node("a", json!({})), node("b", json!({})), node("c", json!({}))]);
    bench.cluster.groups.entry("default".into()).or_default().insert("Service/web".into(), [("app".into(), "web".into())].into());
    let mut nodes = BTreeSet::new();
    for name in ["p", "q", "r"] {
        let chosen = bench.node_for(&app(name));
        bench.cluster.put_pod(app(name), &chosen);
        nodes.insert(chosen);
    }
    assert_eq!(nodes.len(), 3);
}

#[test]
fn a_hard_spread_keeps_zones_even() {
    let constraint = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "x"}}}]);
    let spread = |name| pod(name, json!({"metadata": {"labels": {"app": "x"}}, "spec": {"topologySpreadConstraints": constraint}}));
    let mut bench = Bench::new([node("a", zone("a")), node("b", zone("b"))]).with(&spread("q"), "a");
    assert_eq!(bench.node_for(&spread("p")), "b");
}

#[test]
fn pods_stay_apart_whichever_of_them_says_so() {
    let apart = json!({"spec": {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}]}}}});
    let plain = pod("plain", json!({"metadata": {"labels": {"app": "x"}}}));
    let shy = pod("shy", apart);
    let nodes = || [node("a", json!({})), node("b", json!({}))];
    assert_eq!(Bench::new(nodes()).with(&plain, "a").node_for(&shy), "b");
    assert_eq!(Bench::new(nodes()).with(&shy, "a").node_for(&plain), "b");
}

#[test]
fn the_first_of_pods_that_want_each_other_is_placed() {
    let near = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"affinity": {"podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}]}}}});
    let mut bench = Bench::new([node("a", json!({})), node("b", json!({}))]);
    let first = bench.node_for(&pod("p", near.clone()));
    let mut bench = bench.with(&pod("p", near.clone()), &first);
    assert_eq!(bench.node_for(&pod("q", near)), first);
}

#[test]
fn preemption_ends_the_least_important_pods_that_suffice() {
    let bench = Bench::new([node("a", json!({})), node("b", json!({}))]);
    let bench = bench.with(&asking("low", "2", 10), "a").with(&asking("mid", "2", 100), "a").with(&asking("high", "4", 900), "b");
    let mut bench = bench;
    let important = asking("p", "2", 1000);
    let diagnosis = bench.place(&important).unwrap_err();
    let candidate = preempt(&bench.plugins, &important, &bench.cluster, &diagnosis).unwrap();
    let victims: Vec<&str> = candidate.victims.iter().map(|victim| &*victim.key.name).collect();
    assert_eq!((&*candidate.node, victims), ("a", vec!["low"]));

    let containers = json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}]);
    let meek = pod("meek", json!({"spec": {"containers": containers, "priority": 1000, "preemptionPolicy": "Never"}}));
    let diagnosis = bench.place(&meek).unwrap_err();
    let why = preempt(&bench.plugins, &meek, &bench.cluster, &diagnosis).unwrap_err();
    assert_eq!(why, "no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.");
}

#[test]
fn two_important_pods_do_not_count_on_the_end_of_the_same_pod() {
    let bench = Bench::new([node("a", json!({}))]);
    let mut bench = bench.with(&asking("low", "2", 10), "a").with(&asking("mid", "2", 100), "a");
    for (name, expected) in [("first", "low"), ("second", "mid")] {
        let important = asking(name, "2", 1000);
        let diagnosis = bench.place(&important).unwrap_err();
        let candidate = preempt(&bench.plugins, &important, &bench.cluster, &diagnosis).unwrap();
        assert!(candidate.victims.iter().any(|victim| &*victim.key.name == expected), "{name}: {:?}", candidate.victims);
        bench.cluster.nominate(important, &candidate.node);
    }
}

#[test]
fn room_that_is_kept_for_a_pod_is_not_given_to_a_lesser_one() {
    let mut bench = Bench::new([node("a", json!({}))]);
    bench.cluster.nominate(asking("waiting", "3", 100), "a");
    assert!(bench.place(&asking("lesser", "2", 0)).is_err());
    assert_eq!(bench.node_for(&asking("greater", "2", 1000)), "a");
}

#[test]
fn a_pod_asks_for_the_most_that_it_uses_at_any_moment() {
    let ask = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let spec = json!({"spec": {
        "containers": [{"name": "c", "image": "i", "resources": ask("1")}],
        "initContainers": [
            {"name": "one", "image": "i", "resources": ask("3")},
            {"name": "sidecar", "image": "i", "restartPolicy": "Always", "resources": ask("500m")},
            {"name": "two", "image": "i", "resources": ask("2")}],
        "overhead": {"cpu": "100m"}}});
    assert_eq!(pod("p", spec).requests.cpu, 3100);
}

#[test]
fn the_queue_goes_by_priority_then_arrival() {
    let mut queue = Queue::default();
    for (name, priority) in [("first", 0), ("second", 0), ("urgent", 5)] {
        queue.put(asking(name, "1", priority));
    }
    let order: Vec<String> = std::iter::from_fn(|| queue.pop()).map(|pod| pod.key.name.to_string()).collect();
    assert_eq!(order, ["urgent", "first", "second"]);
}

#[test]
fn an_unschedulable_pod_is_woken_by_what_helps_and_by_nothing_else() {
    let plugins = default_profile();
    let now = clock::instant();
    let later = now + Duration::from_secs(2);
    let node_info = |over| {
        let mut info = NodeInfo::named("n", 0);
        info.update(&node("n", over));
        Arc::new(info)
    };
    let mut queue = Queue::default();
    let wanting = asking("p", "3", 0);
    queue.put(wanting.clone());
    queue.pop();
    queue.refused(&wanting.key, ["NodeResourcesFit"].into(), now);
    let small = ClusterEvent::Node { before: None, after: node_info(json!({"status": {"allocatable": {"cpu": "1"}}})) };
    queue.happened(&small, &plugins);
    queue.advance(later);
    assert!(queue.pop().is_none(), "a node that is too small helps nobody");
    queue.happened(&ClusterEvent::Node { before: None, after: node_info(json!({})) }, &plugins);
    assert!(queue.pop().is_none(), "not before the backoff is over");
    queue.advance(later);
    assert_eq!(queue.pop().unwrap().key, ObjectKey::new("default", "p"));
}

#[test]
fn a_pod_that_nothing_helps_is_tried_again_after_five_minutes() {
    let now = clock::instant();
    let mut queue = Queue::default();
    let waiting = asking("p", "3", 0);
    queue.put(waiting.clone());
    queue.pop();
    queue.refused(&waiting.key, ["NodeResourcesFit"].into(), now);
    queue.advance(now + Duration::from_secs(299));
    assert!(queue.pop().is_none());
    queue.advance(now + Duration::from_secs(300));
    assert!(queue.pop().is_some());
}

#[test]
fn a_gated_pod_waits_for_its_gates_to_go() {
    let mut queue = Queue::default();
    queue.put(pod("p", json!({"spec": {"schedulingGates": [{"name": "g"}]}})));
    assert!(queue.pop().is_none());
    queue.put(pod("p", json!({})));
    assert!(queue.pop().is_some());
}

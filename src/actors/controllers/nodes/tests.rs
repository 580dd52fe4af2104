use std::future::Future;

use serde_json::{Value, json};

use super::health::{Census, Eviction, NodeView, silenced, taints};
use super::*;
use crate::actors::controllers::fixtures::{World, noon, world};
use crate::actors::controllers::{Controller, PodGarbage, TaintEviction};

fn node(ready: Option<&str>, spec: Value) -> NodeView {
    let conditions: Vec<Value> = ready.iter().map(|status| json!({ "type": "Ready", "status": status })).collect();
    let metadata = json!({ "name": "n", "uid": "n", "creationTimestamp": noon() });
    let value = json!({ "apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": { "conditions": conditions } });
    NodeView::from(&Object::from_value(value).unwrap())
}

#[test]
fn taints_follow_the_conditions() {
    let taint = |key: &str, effect: &str| json!({ "key": format!("node.kubernetes.io/{key}"), "effect": effect });
    let tainted = |list: Vec<Value>| json!({ "taints": list });
    let cases = [
        (Some("True"), json!({}), Eviction::Allowed, ""),
        (None, tainted(vec![taint("not-ready", "NoSchedule")]), Eviction::Deferred, "not-ready:NoSchedule"),
        (Some("True"), tainted(vec![taint("not-ready", "NoSchedule"), taint("unreachable", "NoExecute")]), Eviction::Deferred, ""),
        (Some("True"), json!({ "unschedulable": true }), Eviction::Allowed, "unschedulable:NoSchedule"),
        (Some("False"), json!({}), Eviction::Deferred, "not-ready:NoSchedule"),
        (Some("False"), json!({}), Eviction::Allowed, "not-ready:NoSchedule not-ready:NoExecute"),
        (Some("Unknown"), json!({}), Eviction::Allowed, "unreachable:NoSchedule unreachable:NoExecute"),
        (
            Some("Unknown"),
            tainted(vec![taint("not-ready", "NoExecute")]),
            Eviction::Deferred,
            "unreachable:NoSchedule unreachable:NoExecute",
        ),
        (Some("Unknown"), tainted(vec![taint("unreachable", "NoExecute")]), Eviction::Suspended, "unreachable:NoSchedule"),
        (Some("True"), tainted(vec![taint("own", "NoExecute")]), Eviction::Allowed, "own:NoExecute"),
    ];
    for (ready, spec, eviction, expected) in cases {
        let taints = taints(&node(ready, spec.clone()), eviction, noon());
        let short: Vec<_> = taints.iter().map(|t| format!("{}:{}", t.key.trim_start_matches("node.kubernetes.io/"), t.effect)).collect();
        assert_eq!(short.join(" "), expected, "{ready:?} {spec} {eviction:?}");
    }
}

#[test]
fn of_a_silent_node_nothing_is_known() {
    let conditions = silenced(&node(Some("True"), json!({})), noon());
    let reasons: Vec<_> = conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_deref().unwrap())).collect();
    assert_eq!(reasons[0], ("Ready", "Unknown", "NodeStatusUnknown"));
    assert_eq!(reasons[1..], ["MemoryPressure", "DiskPressure", "PIDPressure"].map(|kind| (kind, "Unknown", "NodeStatusNeverUpdated")));
}

#[test]
fn evictions_slow_down_when_too_much_of_a_zone_is_away() {
    let rate = |ready, not_ready| Census { ready, not_ready }.evictions_per_second();
    assert_eq!([rate(9, 1), rate(1, 2), rate(10, 40), rate(100, 400), rate(0, 5)], [0.1, 0.1, 0.0, 0.01, 0.1]);
}

#[test]
fn a_zone_takes_its_turns() {
    let mut limiter = Limiter::default();
    let now = clock::instant();
    assert_eq!(limiter.take("a", 0.1, now), Ok(()));
    assert_eq!(limiter.take("b", 0.1, now), Ok(()));
    assert_eq!(limiter.take("a", 0.1, now + Duration::from_secs(4)), Err(Duration::from_secs(6)));
    assert_eq!(limiter.take("a", 0.1, now + Duration::from_secs(10)), Ok(()));
    assert!(limiter.take("a", 0.0, now + Duration::from_secs(100)).is_err());
}

fn with_nodes<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    world(|world| async move {
        let (tools, events) = (world.tools.clone(), world.events.clone());
        Controller::start(&world.supervisor, &world.entropy, move || Nodes::new(&tools, events.clone(), Grace::default()));
        let (tools, events) = (world.tools.clone(), world.events.clone());
        Controller::start(&world.supervisor, &world.entropy, move || TaintEviction::new(&tools, events.clone()));
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || PodGarbage::new(&tools, 1));
        world.create("namespaces", "", json!({ "metadata": { "name": LEASES } })).await;
        story(world).await;
    });
}

async fn register(world: &World, name: &str) {
    world.create("nodes", "", json!({ "metadata": { "name": name } })).await;
    let ready = json!({ "type": "Ready", "status": "True", "lastHeartbeatTime": noon(), "lastTransitionTime": noon() });
    world.merge("nodes", "", name, "status", json!({ "status": { "conditions": [ready] } })).await;
    world.create("leases", LEASES, json!({ "metadata": { "name": name }, "spec": { "holderIdentity": name } })).await;
}

async fn renew(world: &World, names: &[&str], seconds: i64) {
    for _ in 0..seconds / 10 {
        for name in names {
            let time = format!("{:.6}", clock::now());
            world.merge("leases", LEASES, name, "", json!({ "spec": { "renewTime": time } })).await;
        }
        world.pass(10).await;
    }
}

async fn taints_of(world: &World, node: &str) -> Vec<String> {
    let node = world.get("nodes", "", node).await.unwrap();
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.iter().map(|taint| format!("{}:{}", taint["key"].as_str().unwrap(), taint["effect"].as_str().unwrap())).collect()
}

#[test]
fn a_node_that_falls_silent_loses_its_pods_after_their_tolerations() {
    with_nodes(|world| async move {
        register(&world, "good").await;
        register(&world, "bad").await;
        world.running_pod("p", json!({}), "bad", "10.0.0.1").await;
        let tolerations =
            json!([{ "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }]);
        let spec = json!({ "nodeName": "bad", "containers": [{ "name": "c", "image": "i" }], "tolerations": tolerations });
        world.create("pods", "default", json!({ "metadata": { "name": "q" }, "spec": spec })).await;
        renew(&world, &["good", "bad"], 120).await;
        assert!(taints_of(&world, "bad").await.is_empty());
        renew(&world, &["good"], 20).await;
        assert!(taints_of(&world, "bad").await.is_empty());
        renew(&world, &["good"], 30).await;
        let expected = ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"];
        assert_eq!(taints_of(&world, "bad").await, expected);
        let pod = world.get("pods", "default", "p").await.unwrap();
        assert_eq!(pod["status"]["conditions"][0]["status"], "False", "services no longer lead there");
        renew(&world, &["good"], 240).await;
        assert!(world.get("pods", "default", "q").await.unwrap()["metadata"]["deletionTimestamp"].is_null());
        renew(&world, &["good"], 60).await;
        assert!(world.get("pods", "default", "q").await.unwrap()["metadata"]["deletionTimestamp"].is_string());
        assert!(taints_of(&world, "good").await.is_empty());
        // It comes back.
        let ready = json!({ "type": "Ready", "status": "True", "lastHeartbeatTime": clock::now(), "lastTransitionTime": clock::now() });
        world.merge("nodes", "", "bad", "status", json!({ "status": { "conditions": [ready] } })).await;
        assert!(taints_of(&world, "bad").await.is_empty());
    });
}

#[test]
fn when_no_node_is_ready_nothing_is_evicted() {
    with_nodes(|world| async move {
        register(&world, "only").await;
        world.pass(120).await;
        assert_eq!(taints_of(&world, "only").await, ["node.kubernetes.io/unreachable:NoSchedule"]);
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
    });
}

#[test]
fn nodes_are_emptied_one_every_ten_seconds() {
    with_nodes(|world| async move {
        for name in ["a", "b", "c", "d", "x", "y"] {
            register(&world, name).await;
        }
        renew(&world, &["a", "b", "c", "d"], 40).await;
        let mut emptied = Vec::new();
        for _ in 0..2 {
            let mut count = 0;
            for name in ["x", "y"] {
                count += usize::from(taints_of(&world, name).await.iter().any(|taint| taint.ends_with("NoExecute")));
            }
            emptied.push(count);
            renew(&world, &["a", "b", "c", "d"], 20).await;
        }
        assert_eq!(emptied, [1, 2]);
    });
}

#[test]
fn pods_that_nobody_else_will_remove_are_removed() {
    with_nodes(|world| async move {
        register(&world, "n").await;
        world.running_pod("lost", json!({}), "gone", "10.0.0.1").await;
        for name in ["ended-1", "ended-2"] {
            world.running_pod(name, json!({}), "n", "10.0.0.2").await;
            world.merge("pods", "default", name, "status", json!({ "status": { "phase": "Succeeded" } })).await;
            world.pass(2).await;
        }
        renew(&world, &["n"], 30).await;
        assert!(world.get("pods", "default", "lost").await.is_ok(), "a node may come back soon");
        assert!(world.get("pods", "default", "ended-1").await.unwrap_err().is_not_found());
        renew(&world, &["n"], 60).await;
        let left = world.list("pods", "default").await;
        assert_eq!(left.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap()).collect::<Vec<_>>(), ["ended-2"]);
    });
}

#[test]
fn what_a_kubelet_says_of_its_pods_after_its_silence_counts_whatever_its_clock_says() {
    with_nodes(|world| async move {
        register(&world, "good").await;
        register(&world, "bad").await;
        world.running_pod("p", json!({}), "bad", "10.0.0.1").await;
        let says = async |ready: &str, since: &str| {
            let condition = json!({ "type": "Ready", "status": ready, "lastTransitionTime": since });
            world.merge("pods", "default", "p", "status", json!({ "status": { "conditions": [condition] } })).await;
        };
        let told = async || world.get("pods", "default", "p").await.unwrap()["status"]["conditions"][0]["status"].clone();
        says("True", "2030-01-01T12:10:00Z").await;
        renew(&world, &["good"], 60).await;
        assert_eq!(told().await, "False", "its node is silent, and was ahead");
        says("True", "2030-01-01T11:50:00Z").await;
        renew(&world, &["good"], 60).await;
        assert_eq!(told().await, "True", "its kubelet said so since then, and is behind");
        // The node is back, and falls silent again.
        let ready = json!({ "type": "Ready", "status": "True", "lastHeartbeatTime": clock::now(), "lastTransitionTime": clock::now() });
        world.merge("nodes", "", "bad", "status", json!({ "status": { "conditions": [ready] } })).await;
        renew(&world, &["good"], 60).await;
        assert_eq!(told().await, "False");
    });
}

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::actors::controllers::Controller;
use crate::actors::controllers::fixtures::{PodBuilder, noon, now, pod, world};

fn controller(replicas: i32) -> ReplicationController {
    serde_json::from_value(json!({
        "metadata": { "name": "w", "namespace": "default", "uid": "rc", "generation": 3 },
        "spec": {
            "replicas": replicas,
            "selector": { "app": "x" },
            "template": { "metadata": { "labels": { "app": "x", "tier": "t" } }, "spec": { "containers": [] } },
        },
    }))
    .unwrap()
}

fn decide(rc: &ReplicationController, pods: Vec<PodBuilder>) -> Vec<String> {
    let pods: Vec<_> = pods.into_iter().map(PodBuilder::view).collect();
    let (owned, orphans): (Vec<_>, Vec<_>) = pods.into_iter().partition(|pod| pod.object.meta().controller().is_some());
    let describe = |op: &Op| match op {
        Op::Adopt(pod) => format!("adopt {}", pod.object.name()),
        Op::Release(pod) => format!("release {}", pod.object.name()),
        Op::Create(count) => format!("create {count}"),
        Op::Delete(pod) => format!("delete {}", pod.object.name()),
    };
    decision::reconcile(rc, &owned, &orphans, noon()).iter().map(describe).collect()
}

fn mine(name: &str) -> PodBuilder {
    pod(name).label("app", "x").controlled_by("ReplicationController", "w", "rc")
}

#[test]
fn pods_are_brought_to_the_number_wanted() {
    let cases: Vec<(i32, Vec<PodBuilder>, Vec<&str>)> = vec![
        (3, vec![], vec!["create 3"]),
        (1000, vec![], vec!["create 500"]),
        (1, vec![mine("a")], vec![]),
        (0, vec![mine("a")], vec!["delete a"]),
        (2, vec![mine("a"), mine("done").phase("Succeeded"), mine("going").deleting()], vec!["create 1"]),
        (1, vec![mine("a").label("app", "y")], vec!["release a", "create 1"]),
        (1, vec![pod("stray").label("app", "x")], vec!["adopt stray"]),
        (0, vec![pod("stray").label("app", "x")], vec!["adopt stray", "delete stray"]),
        (1, vec![pod("stray").label("app", "y")], vec!["create 1"]),
        (1, vec![pod("stray").label("app", "x").deleting()], vec!["create 1"]),
    ];
    for (replicas, pods, expected) in cases {
        assert_eq!(decide(&controller(replicas), pods), expected);
    }
}

#[test]
fn a_controller_that_is_going_away_touches_nothing() {
    let mut rc = controller(3);
    rc.metadata.deletion_timestamp = Some(Time(noon()));
    assert!(decide(&rc, vec![mine("a").label("app", "y"), pod("stray").label("app", "x")]).is_empty());
}

#[test]
fn the_least_missed_are_deleted_first() {
    let running = |name: &str| mine(name).node("n1").phase("Running").ready_since(noon() - SignedDuration::from_hours(1));
    // Each pair differs in one thing; the first of it goes.
    let pairs = [
        (mine("unassigned"), mine("assigned").node("n1")),
        (mine("pending").node("n1").phase("Pending"), mine("running").node("n1").phase("Running")),
        (mine("unready").node("n1").phase("Running"), running("ready")),
        (running("cheap").annotation("controller.kubernetes.io/pod-deletion-cost", "-1"), running("dear")),
        (mine("young").node("n1").phase("Running").ready_since(noon() - SignedDuration::from_secs(9)), running("proven")),
        (running("restarted").restarts(3), running("calm")),
        (running("new").created(noon() - SignedDuration::from_secs(5)), running("old").created(noon() - SignedDuration::from_hours(9))),
    ];
    for (victim, survivor) in pairs {
        let name = victim.clone().view().object.name().to_owned();
        for pods in [vec![victim.clone(), survivor.clone()], vec![survivor.clone(), victim.clone()]] {
            assert_eq!(decide(&controller(1), pods), [format!("delete {name}")]);
        }
    }
}

#[test]
fn replicas_that_share_a_node_go_before_one_that_is_alone() {
    let running = |name: &str, node: &str| mine(name).node(node).phase("Running").ready_since(noon() - SignedDuration::from_hours(1));
    let deleted = decide(&controller(2), vec![running("alone", "n2"), running("together-1", "n1"), running("together-2", "n1")]);
    assert_eq!(deleted, ["delete together-1"]);
}

#[test]
fn the_status_counts_what_is_there() {
    let mut rc = controller(3);
    rc.spec.as_mut().unwrap().min_ready_seconds = Some(60);
    let ready = |name: &str, seconds| mine(name).phase("Running").ready_since(noon() - SignedDuration::from_secs(seconds));
    let pods = [ready("a", 90).label("tier", "t"), ready("b", 20), mine("c"), mine("gone").deleting(), mine("stranger").label("app", "y")];
    let pods: Vec<_> = pods.into_iter().map(PodBuilder::view).collect();
    let (status, due) = decision::status(&rc, &pods, noon());
    let expected = json!({
        "replicas": 3, "fullyLabeledReplicas": 1, "readyReplicas": 2, "availableReplicas": 1, "observedGeneration": 3,
    });
    assert_eq!(serde_json::to_value(status).unwrap(), expected);
    assert_eq!(due, Some(noon() + SignedDuration::from_secs(40)));
}

#[test]
fn an_empty_status_is_short() {
    let (status, due) = decision::status(&controller(0), &[], noon());
    assert_eq!(serde_json::to_value(status).unwrap(), json!({ "replicas": 0, "observedGeneration": 3 }));
    assert_eq!(due, None);
}

#[test]
fn replicas_are_made_replaced_and_removed_and_then_nothing_is_written() {
    world(|world| async move {
        let (tools, events) = (world.tools.clone(), world.events.clone());
        Controller::start(&world.supervisor, &world.entropy, move || Replication::new(&tools, events.clone()));
        let template = json!({ "metadata": { "labels": { "app": "x" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } });
        let spec = json!({ "replicas": 40, "selector": { "app": "x" }, "template": template });
        world
            .create("pods", "default", json!({ "metadata": { "name": "stray", "labels": { "app": "x" } }, "spec": template["spec"] }))
            .await;
        world.create("replicationcontrollers", "default", json!({ "metadata": { "name": "w" }, "spec": spec })).await;
        let pods = world.list("pods", "default").await;
        assert_eq!(pods.len(), 40);
        assert!(pods.iter().all(|pod| pod["metadata"]["ownerReferences"][0]["name"] == "w"), "the stray one is adopted");
        let rc = world.get("replicationcontrollers", "default", "w").await.unwrap();
        assert_eq!(rc["status"], json!({ "replicas": 40, "fullyLabeledReplicas": 40, "observedGeneration": 1 }));
        world.delete("pods", "default", pods[0]["metadata"]["name"].as_str().unwrap(), now()).await;
        assert_eq!(world.list("pods", "default").await.len(), 40);
        world.merge("replicationcontrollers", "default", "w", "", json!({ "spec": { "replicas": 3 } })).await;
        assert_eq!(world.list("pods", "default").await.len(), 3);
        world.pass(3600).await;
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
        let events = world.list("events", "default").await;
        assert!(events.iter().any(|event| event["reason"] == "SuccessfulCreate" && event["involvedObject"]["name"] == "w"));
    });
}

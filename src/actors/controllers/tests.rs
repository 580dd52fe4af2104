//! All controllers together.

use std::future::Future;

use serde_json::{Value, json};

use super::fixtures::{World, now, world};
use super::{Options, start};
use crate::api::client::{DeleteOptions, Propagation};

fn with_controllers<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    world(|world| {
        start(&world.supervisor, &world.tools, &world.entropy, &Options::new("PEM"));
        story(world)
    });
}

fn controller(name: &str, replicas: usize) -> Value {
    let template = json!({ "metadata": { "labels": { "app": name } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    json!({ "metadata": { "name": name }, "spec": { "replicas": replicas, "selector": { "app": name }, "template": template } })
}

fn service(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "selector": { "app": name }, "ports": [{ "port": 80 }] } })
}

async fn deploy(world: &World, name: &str, replicas: usize) {
    world.create("replicationcontrollers", "default", controller(name, replicas)).await;
    world.create("services", "default", service(name)).await;
    let pods = world.list("pods", "default").await;
    for (n, pod) in pods.iter().enumerate() {
        world.ready(pod["metadata"]["name"].as_str().unwrap(), &format!("10.0.{}.{}", n / 250, n % 250 + 1)).await;
    }
}

async fn endpoints(world: &World) -> usize {
    let slices = world.list("endpointslices", "default").await;
    slices.iter().map(|slice| slice["endpoints"].as_array().map_or(0, Vec::len)).sum()
}

#[test]
fn many_replicas_come_serve_and_go_and_then_nothing_is_written() {
    with_controllers(|world| async move {
        deploy(&world, "web", 150).await;
        assert_eq!(endpoints(&world).await, 150);
        let rc = world.get("replicationcontrollers", "default", "web").await.unwrap();
        let expected = json!({
            "replicas": 150, "fullyLabeledReplicas": 150, "readyReplicas": 150, "availableReplicas": 150, "observedGeneration": 1,
        });
        assert_eq!(rc["status"], expected);
        world.pass(3600).await;
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
        world.delete("replicationcontrollers", "default", "web", background()).await;
        world.delete("services", "default", "web", now()).await;
        assert!(world.list("pods", "default").await.is_empty());
        assert!(world.list("endpointslices", "default").await.is_empty());
    });
}

#[test]
fn every_actor_may_panic_and_all_comes_right_again() {
    with_controllers(|world| async move {
        deploy(&world, "web", 20).await;
        // The first is the root, whose end is everybody's; the writer's is the store's.
        for path in world.supervisor.paths().into_iter().skip(1).filter(|path| !path.ends_with("writer")) {
            assert!(world.supervisor.inject_panic(&path), "{path}");
            let pods = world.list("pods", "default").await;
            world.delete("pods", "default", pods[0]["metadata"]["name"].as_str().unwrap(), now()).await;
            world.pass(10).await;
            assert_eq!(world.list("pods", "default").await.len(), 20, "after a panic in {path}");
            let ready = world.list("pods", "default").await.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
            assert_eq!(endpoints(&world).await, ready, "after a panic in {path}");
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let log = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let kept = log.clone();
        with_controllers(|world| async move {
            deploy(&world, "web", 30).await;
            world.merge("replicationcontrollers", "default", "web", "", json!({ "spec": { "replicas": 7 } })).await;
            for plural in ["pods", "endpointslices", "endpoints", "events", "replicationcontrollers"] {
                let objects = world.list(plural, "default").await;
                kept.borrow_mut().extend(objects);
            }
        });
        log.take()
    };
    assert_eq!(run(), run());
}

fn background() -> DeleteOptions {
    DeleteOptions { propagation: Some(Propagation::Background), ..now() }
}

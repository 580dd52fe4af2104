use serde_json::{Value, json};

use super::decision::{Dependent, Op, Owner, collect, release};
use super::*;
use crate::actors::controllers::Controller;
use crate::actors::controllers::fixtures::{World, now, world};
use crate::api::client::Propagation;

fn object(name: &str, metadata: Value) -> Object {
    let mut value = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
    value["metadata"]["name"] = name.into();
    value["metadata"]["uid"] = name.into();
    Object::from_value(value).unwrap()
}

fn dependent(name: &str, metadata: Value) -> Dependent {
    ("configmaps".into(), object(name, metadata))
}

fn described(ops: Vec<Op>) -> Vec<String> {
    let describe = |op| match op {
        Op::Orphan(dependents) => format!("orphan {}", dependents.len()),
        Op::DropFinalizer(name) => format!("drop {name}"),
        Op::Disown(uids) => format!("disown {}", uids.join(",")),
        Op::Unblock => "unblock".to_owned(),
        Op::Delete(propagation) => format!("delete {propagation:?}"),
    };
    ops.into_iter().map(describe).collect()
}

#[test]
fn an_object_stays_as_long_as_one_of_its_owners() {
    let waiting = json!({ "deletionTimestamp": "2030-01-01T12:00:00Z", "finalizers": ["foregroundDeletion"] });
    let child = || vec![dependent("child", json!({}))];
    let cases = [
        (json!({}), vec![], vec![], ""),
        (json!({}), vec![Owner::Solid], vec![], ""),
        (json!({}), vec![Owner::Solid, Owner::Gone, Owner::Waiting], vec![], "disown 1,2"),
        (json!({}), vec![Owner::Gone], vec![], "delete Background"),
        (json!({}), vec![Owner::Gone], child(), "delete Background"),
        (json!({ "finalizers": ["orphan"] }), vec![Owner::Gone], vec![], "delete Orphan"),
        (json!({ "finalizers": ["foregroundDeletion"] }), vec![Owner::Gone], vec![], "delete Foreground"),
        (json!({}), vec![Owner::Waiting], vec![], "delete Background"),
        (json!({}), vec![Owner::Waiting], child(), "delete Foreground"),
        (json!({}), vec![Owner::Waiting], vec![dependent("child", waiting)], "unblock"),
    ];
    for (metadata, owners, dependents, expected) in cases {
        let references: Vec<_> = (0..owners.len()).map(|n| OwnerReference { uid: n.to_string(), ..OwnerReference::default() }).collect();
        let owners: Vec<_> = references.iter().zip(owners).collect();
        assert_eq!(described(collect(&object("o", metadata), &owners, &dependents)).join(" "), expected, "{owners:?}");
    }
}

#[test]
fn a_deletion_waits_for_dependents_as_it_was_asked_to() {
    let blocking = |block: bool| vec![dependent("d", json!({ "ownerReferences": [{ "uid": "o", "blockOwnerDeletion": block }] }))];
    let cases = [
        (json!(["orphan"]), blocking(true), vec!["orphan 1", "drop orphan"]),
        (json!(["foregroundDeletion"]), blocking(true), vec![]),
        (json!(["foregroundDeletion"]), blocking(false), vec!["drop foregroundDeletion"]),
        (json!(["foregroundDeletion"]), vec![], vec!["drop foregroundDeletion"]),
        (json!(["example.com/other"]), blocking(true), vec![]),
    ];
    for (finalizers, dependents, expected) in cases {
        assert_eq!(described(release(&object("o", json!({ "finalizers": finalizers })), dependents)), expected);
    }
}

async fn configmap(world: &World, name: &str, owners: &[(&str, &str)], extra: Value) -> String {
    let reference = |(owner, uid): &(&str, &str)| json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid, "blockOwnerDeletion": true });
    let mut metadata = extra;
    metadata["name"] = name.into();
    metadata["ownerReferences"] = owners.iter().map(reference).collect();
    world.create("configmaps", "default", json!({ "metadata": metadata })).await.uid().to_owned()
}

async fn names(world: &World) -> Vec<String> {
    world.list("configmaps", "default").await.iter().map(|map| map["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn with_collector<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    world(|world| {
        let tools = world.tools.clone();
        Controller::start(&world.supervisor, &world.entropy, move || Garbage::new(&tools));
        story(world)
    });
}

#[test]
fn dependents_follow_their_owner_along_a_chain() {
    with_collector(|world| async move {
        let owner = configmap(&world, "own", &[], json!({})).await;
        let middle = configmap(&world, "mid", &[("own", &owner)], json!({})).await;
        configmap(&world, "leaf", &[("mid", &middle)], json!({})).await;
        assert_eq!(names(&world).await, ["leaf", "mid", "own"]);
        world.delete("configmaps", "default", "own", now()).await;
        assert!(names(&world).await.is_empty());
    });
}

#[test]
fn a_dependent_of_what_never_was_is_collected_and_one_of_an_unknown_kind_is_not() {
    with_collector(|world| async move {
        configmap(&world, "dep", &[("none", "00000000-0000-0000-0000-00000000dead")], json!({})).await;
        let owner = json!([{ "apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u" }]);
        world.create("configmaps", "default", json!({ "metadata": { "name": "kept", "ownerReferences": owner } })).await;
        assert_eq!(names(&world).await, ["kept"]);
    });
}

#[test]
fn with_one_owner_left_a_dependent_stays_with_that_one_only() {
    with_collector(|world| async move {
        let one = configmap(&world, "one", &[], json!({})).await;
        let two = configmap(&world, "two", &[], json!({})).await;
        configmap(&world, "dep", &[("one", &one), ("two", &two)], json!({})).await;
        world.delete("configmaps", "default", "one", now()).await;
        let owners = world.get("configmaps", "default", "dep").await.unwrap()["metadata"]["ownerReferences"].take();
        assert_eq!(owners.as_array().unwrap().iter().map(|owner| owner["name"].as_str().unwrap()).collect::<Vec<_>>(), ["two"]);
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
    });
}

#[test]
fn a_foreground_deletion_waits_for_a_dependent_that_blocks_it() {
    with_collector(|world| async move {
        let owner = configmap(&world, "own", &[], json!({})).await;
        configmap(&world, "dep", &[("own", &owner)], json!({ "finalizers": ["example.com/f"] })).await;
        let foreground = DeleteOptions { propagation: Some(Propagation::Foreground), ..DeleteOptions::default() };
        world.delete("configmaps", "default", "own", foreground).await;
        assert_eq!(names(&world).await, ["dep", "own"]);
        let dependent = world.get("configmaps", "default", "dep").await.unwrap();
        assert!(dependent["metadata"]["deletionTimestamp"].is_string());
        world.merge("configmaps", "default", "dep", "", json!({ "metadata": { "finalizers": null } })).await;
        assert!(names(&world).await.is_empty());
    });
}

#[test]
fn orphaning_leaves_dependents_without_an_owner() {
    with_collector(|world| async move {
        let owner = configmap(&world, "own", &[], json!({})).await;
        configmap(&world, "dep", &[("own", &owner)], json!({})).await;
        let orphan = DeleteOptions { propagation: Some(Propagation::Orphan), ..DeleteOptions::default() };
        world.delete("configmaps", "default", "own", orphan).await;
        assert_eq!(names(&world).await, ["dep"]);
        let owners = world.get("configmaps", "default", "dep").await.unwrap()["metadata"]["ownerReferences"].take();
        assert!(owners.is_null() || owners == json!([]), "{owners}");
    });
}

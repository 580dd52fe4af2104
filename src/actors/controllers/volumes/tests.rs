//! Choices by tables, and bindings as clients see them.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::decision::{self, ClaimStep, VolumeStep};
use super::matching::{best, mismatch};
use super::views::{BIND_COMPLETED, BY_CONTROLLER, Claim, PROVISIONED_BY, Volume};
use crate::actors::controllers::fixtures::{World, now, world};
use crate::actors::controllers::{Options, start};
use crate::api::object::Object;

const VOLUMES: &str = "persistentvolumes";
const CLAIMS: &str = "persistentvolumeclaims";

fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            over.iter().for_each(|(key, value)| merge(base.entry(key.clone()).or_insert(Value::Null), value));
        }
        (base, over) => *base = over.clone(),
    }
}

fn volume_body(name: &str, over: &Value) -> Value {
    let spec = json!({ "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/x" }, "storageClassName": "s" });
    let mut body = json!({ "metadata": { "name": name }, "spec": spec });
    merge(&mut body, over);
    body
}

fn claim_body(name: &str, over: &Value) -> Value {
    let resources = json!({ "requests": { "storage": "1Gi" } });
    let spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": resources, "storageClassName": "s" });
    let mut body = json!({ "metadata": { "name": name }, "spec": spec });
    merge(&mut body, over);
    body
}

/// An available volume.
fn volume(name: &str, over: &Value) -> Arc<Volume> {
    let mut body = json!({ "apiVersion": "v1", "kind": "PersistentVolume", "status": { "phase": "Available" } });
    merge(&mut body, &volume_body(name, over));
    Arc::new(Volume::from(&Object::from_value(body).unwrap()))
}

/// A claim of uid `u`, in `default`.
fn claim(name: &str, over: &Value) -> Claim {
    let metadata = json!({ "namespace": "default", "uid": "u" });
    let mut body = json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata });
    merge(&mut body, &claim_body(name, over));
    Claim::from(&Object::from_value(body).unwrap())
}

fn kept(name: &str, uid: &str) -> Value {
    json!({ "spec": { "claimRef": { "namespace": "default", "name": name, "uid": uid } } })
}

fn spec(field: &str, value: Value) -> Value {
    let mut spec = json!({});
    spec[field] = value;
    json!({ "spec": spec })
}

#[test]
fn a_claim_gets_the_smallest_volume_that_suits() {
    let size = |size: &str| spec("capacity", json!({ "storage": size }));
    let modes = |modes: &[&str]| spec("accessModes", json!(modes));
    let both = modes(&["ReadWriteOnce", "ReadOnlyMany"]);
    let labelled = json!({ "metadata": { "labels": { "disk": "fast" } } });
    let table = [
        (json!({}), vec![("large", size("5Gi")), ("small", size("2Gi")), ("tiny", size("1Mi"))], Some("small")),
        (json!({}), vec![("b", json!({})), ("a", json!({}))], Some("b")),
        (json!({}), vec![("many", both.clone()), ("one", size("9Gi"))], Some("one")),
        (modes(&["ReadOnlyMany"]), vec![("one", json!({})), ("many", both)], Some("many")),
        (json!({}), vec![("other", spec("storageClassName", json!("other")))], None),
        (spec("storageClassName", json!("")), vec![("classed", json!({})), ("plain", spec("storageClassName", json!("")))], Some("plain")),
        (spec("volumeMode", json!("Block")), vec![("files", json!({})), ("block", spec("volumeMode", json!("Block")))], Some("block")),
        (spec("selector", json!({ "matchLabels": { "disk": "fast" } })), vec![("slow", json!({})), ("fast", labelled)], Some("fast")),
        (json!({}), vec![("released", json!({ "status": { "phase": "Released" } }))], None),
        (json!({}), vec![("leaving", json!({ "metadata": { "deletionTimestamp": "2030-01-01T00:00:00Z" } }))], None),
        (json!({}), vec![("kept", kept("other", "")), ("own", size("9Gi"))], Some("own")),
        (json!({}), vec![("small", json!({})), ("kept", kept("c", ""))], Some("kept")),
        (json!({}), vec![("small", json!({})), ("begun", kept("c", "u"))], Some("begun")),
        (json!({}), vec![("anothers", kept("c", "before"))], None),
    ];
    for (asked, volumes, expected) in table {
        let volumes: Vec<Arc<Volume>> = volumes.iter().map(|(name, over)| volume(name, over)).collect();
        let found = best(&claim("c", &asked), &volumes);
        assert_eq!(found.as_ref().map(|volume| volume.name.as_str()), expected, "{asked} {volumes:?}");
    }
}

#[test]
fn a_volume_that_a_claim_names_must_suit_it() {
    let table = [
        (json!({}), None),
        (spec("capacity", json!({ "storage": "1Mi" })), Some("requested PV is too small")),
        (spec("storageClassName", json!("")), Some("storageClassName does not match")),
        (spec("volumeMode", json!("Block")), Some("incompatible volumeMode")),
        (spec("volumeAttributesClassName", json!("gold")), Some("VolumeAttributesClassName does not match")),
        (spec("accessModes", json!(["ReadOnlyMany"])), Some("incompatible accessMode")),
    ];
    for (over, expected) in table {
        assert_eq!(mismatch(&claim("c", &json!({})), &volume("v", &over)).as_deref(), expected, "{over}");
    }
}

#[test]
fn every_claim_has_its_step() {
    let named = spec("volumeName", json!("v"));
    let completed = |mut claim: Value| {
        claim["metadata"]["annotations"][BIND_COMPLETED] = "yes".into();
        claim
    };
    let table = [
        (named.clone(), None, "wait"),
        (named.clone(), Some(json!({})), "bind"),
        (named.clone(), Some(kept("c", "")), "bind"),
        (named.clone(), Some(kept("other", "")), "FailedBinding"),
        (named.clone(), Some(spec("storageClassName", json!("other"))), "VolumeMismatch"),
        (json!({}), None, "ProvisioningFailed"),
        (spec("storageClassName", json!("")), None, "FailedBinding"),
        (completed(json!({})), None, "ClaimLost"),
        (completed(named.clone()), None, "ClaimLost"),
        (completed(named.clone()), Some(json!({})), "bind"),
        (completed(named.clone()), Some(kept("c", "u")), "bind"),
        (completed(named), Some(kept("c", "before")), "ClaimMisbound"),
    ];
    for (over, there, expected) in table {
        let there = there.map(|over| volume("v", &over));
        let step = match decision::claim(&claim("c", &over), there.as_ref(), &[]) {
            ClaimStep::Bind(_) => "bind",
            ClaimStep::Wait(None) => "wait",
            ClaimStep::Wait(Some(remark)) | ClaimStep::Lose(remark) => remark.reason,
        };
        assert_eq!(step, expected, "{over} {there:?}");
    }
}

#[test]
fn every_volume_has_its_step() {
    let mut provisioned = kept("c", "u");
    provisioned["metadata"]["annotations"][PROVISIONED_BY] = "example.com/disks".into();
    provisioned["spec"]["persistentVolumeReclaimPolicy"] = "Delete".into();
    let elsewhere = spec("volumeName", json!("other"));
    let table = [
        (json!({}), None, VolumeStep::Phase("Available")),
        (kept("c", ""), Some(json!({})), VolumeStep::Phase("Available")),
        (kept("c", "u"), None, VolumeStep::Release),
        (kept("c", "u"), Some(json!({})), VolumeStep::Leave),
        (kept("c", "u"), Some(spec("volumeName", json!("v"))), VolumeStep::Phase("Bound")),
        (kept("c", "u"), Some(elsewhere.clone()), VolumeStep::Unbind),
        (provisioned, Some(elsewhere), VolumeStep::Release),
    ];
    for (over, there, expected) in table {
        let there = there.map(|over| claim("c", &over));
        assert_eq!(decision::volume(&volume("v", &over), there.as_ref()), expected, "{over}");
    }
}

#[test]
fn what_nobody_can_reclaim_says_why() {
    let of = |policy: &str, path: &str| {
        let over = json!({ "spec": { "persistentVolumeReclaimPolicy": policy, "hostPath": { "path": path } } });
        decision::reclaim(&volume("v", &over)).map(|remark| remark.message)
    };
    assert_eq!(of("Retain", "/x"), None);
    assert_eq!(of("Recycle", "/x").unwrap(), "No recycler plugin found for the volume!");
    assert_eq!(of("Delete", "/x").unwrap(), "host_path deleter only supports /tmp/.+ but received provided /x");
    let none = "error getting deleter volume plugin for volume \"v\": no deletable volume plugin matched";
    assert_eq!(of("Delete", "/tmp/x").unwrap(), none);
}

fn with_controllers<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    world(|world| {
        start(&world.supervisor, &world.tools, &world.entropy, &Options::new("PEM"));
        story(world)
    });
}

async fn phases(world: &World) -> Vec<(String, String)> {
    let mut objects = world.list(VOLUMES, "").await;
    objects.extend(world.list(CLAIMS, "default").await);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects.iter().map(|object| (text(&object["metadata"]["name"]), text(&object["status"]["phase"]))).collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, phase)| ((*name).to_owned(), (*phase).to_owned())).collect()
}

#[test]
fn a_claim_and_its_volume_name_each_other() {
    with_controllers(|world| async move {
        world.create(VOLUMES, "", volume_body("v", &spec("capacity", json!({ "storage": "2Gi" })))).await;
        world.create(CLAIMS, "default", claim_body("c", &json!({}))).await;
        let claim = world.get(CLAIMS, "default", "c").await.unwrap();
        let volume = world.get(VOLUMES, "", "v").await.unwrap();
        assert_eq!((&claim["spec"]["volumeName"], &volume["spec"]["claimRef"]["uid"]), (&json!("v"), &claim["metadata"]["uid"]));
        assert_eq!(claim["metadata"]["annotations"], json!({ BIND_COMPLETED: "yes", BY_CONTROLLER: "yes" }));
        assert_eq!(volume["metadata"]["annotations"], json!({ BY_CONTROLLER: "yes" }));
        let status = json!({ "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "2Gi" } });
        assert_eq!((&claim["status"], &volume["status"]["phase"]), (&status, &json!("Bound")));
        let quiet = world.revision();
        world.pass(3600).await;
        assert_eq!(world.revision(), quiet);
    });
}

#[test]
fn a_volume_goes_to_one_claim_and_the_next_waits_for_another() {
    with_controllers(|world| async move {
        for name in ["c", "d"] {
            world.create(CLAIMS, "default", claim_body(name, &json!({}))).await;
        }
        world.create(VOLUMES, "", volume_body("v", &json!({}))).await;
        assert_eq!(phases(&world).await, named(&[("v", "Bound"), ("c", "Bound"), ("d", "Pending")]));
        world.create(VOLUMES, "", volume_body("w", &json!({}))).await;
        assert_eq!(phases(&world).await, named(&[("v", "Bound"), ("w", "Bound"), ("c", "Bound"), ("d", "Bound")]));
    });
}

#[test]
fn a_volume_is_released_when_its_claim_is_gone_and_is_given_to_nobody_else() {
    with_controllers(|world| async move {
        world.create(VOLUMES, "", volume_body("v", &json!({}))).await;
        world.create(VOLUMES, "", volume_body("w", &spec("persistentVolumeReclaimPolicy", json!("Delete")))).await;
        for name in ["c", "d"] {
            world.create(CLAIMS, "default", claim_body(name, &json!({}))).await;
            world.pass(1).await;
            world.delete(CLAIMS, "default", name, now()).await;
        }
        world.create(CLAIMS, "default", claim_body("c", &json!({}))).await;
        assert_eq!(phases(&world).await, named(&[("v", "Released"), ("w", "Failed"), ("c", "Pending")]));
        // A user gives it back.
        world.merge(VOLUMES, "", "v", "", json!({ "spec": { "claimRef": null } })).await;
        assert_eq!(phases(&world).await, named(&[("v", "Bound"), ("w", "Failed"), ("c", "Bound")]));
    });
}

#[test]
fn a_claim_whose_volume_is_gone_is_lost() {
    with_controllers(|world| async move {
        world.create(VOLUMES, "", volume_body("v", &json!({}))).await;
        world.create(CLAIMS, "default", claim_body("c", &json!({}))).await;
        world.pass(1).await;
        world.merge(VOLUMES, "", "v", "", json!({ "metadata": { "finalizers": null } })).await;
        world.delete(VOLUMES, "", "v", now()).await;
        assert_eq!(phases(&world).await, named(&[("c", "Lost")]));
        let events = world.list("events", "default").await;
        assert!(events.iter().any(|event| event["reason"] == "ClaimLost"), "{events:?}");
    });
}

#[test]
fn users_may_choose_on_either_side() {
    with_controllers(|world| async move {
        let kept = json!({ "spec": { "claimRef": { "namespace": "default", "name": "c" } } });
        world.create(VOLUMES, "", volume_body("kept", &kept)).await;
        for name in ["a", "wanted"] {
            world.create(VOLUMES, "", volume_body(name, &json!({}))).await;
        }
        world.create(CLAIMS, "default", claim_body("c", &json!({}))).await;
        world.create(CLAIMS, "default", claim_body("d", &spec("volumeName", json!("wanted")))).await;
        let expected = [("a", "Available"), ("kept", "Bound"), ("wanted", "Bound"), ("c", "Bound"), ("d", "Bound")];
        assert_eq!(phases(&world).await, named(&expected));
        let annotations = |object: Value| object["metadata"]["annotations"].clone();
        assert_eq!(annotations(world.get(VOLUMES, "", "kept").await.unwrap()), Value::Null);
        assert_eq!(annotations(world.get(CLAIMS, "default", "d").await.unwrap()), json!({ BIND_COMPLETED: "yes" }));
    });
}

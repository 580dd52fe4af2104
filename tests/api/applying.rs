//! Server-side apply, and what `managedFields` say after every sort of write.

use kabuki::api::client::{Patch, WriteOptions};
use kabuki::api::kinds::Subresource;
use kabuki::api::object::Object;
use kabuki::api::status::Status;
use kabuki::api::verbs::{Call, Target, Updated, User};
use serde_json::{Value, json};

use super::world::{World, configmap, kind, world};

fn by(manager: &str, force: bool) -> Call {
    Call::new(User::default(), WriteOptions { field_manager: manager.into(), force, ..WriteOptions::default() })
}

async fn apply(world: &World, call: &Call, target: &Target, body: Value) -> Result<Updated, Status> {
    world.api.patch(call, target, &Patch::Apply(body), &[]).await
}

fn map() -> Target {
    Target::new(&kind("configmaps"), "default", "c")
}

/// Who has what, in order: manager, operation, subresource, fields.
fn managers(object: &Object) -> Vec<(String, String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = object.value()["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let told = |entry: &Value| (text(&entry["manager"]), text(&entry["operation"]), text(&entry["subresource"]), entry["fieldsV1"].clone());
    let mut all: Vec<_> = entries.iter().map(told).collect();
    all.sort_by_key(|(manager, ..)| manager.clone());
    all
}

fn told(manager: &str, operation: &str, subresource: &str, fields: Value) -> (String, String, String, Value) {
    (manager.into(), operation.into(), subresource.into(), fields)
}

#[test]
fn an_apply_creates_then_changes_and_gives_way_only_by_force() {
    world(async |world| {
        let first = apply(&world, &by("one", false), &map(), configmap("c", json!({"a": "1"}))).await.unwrap();
        assert!(first.created);
        let again = apply(&world, &by("one", false), &map(), configmap("c", json!({"a": "1"}))).await.unwrap();
        assert_eq!((again.created, again.object.json()), (false, first.object.json()), "what changes nothing is not written");
        let conflict = apply(&world, &by("two", false), &map(), configmap("c", json!({"a": "2"}))).await.unwrap_err();
        assert_eq!((conflict.code, &*conflict.message), (409, "Apply failed with 1 conflict: conflict with \"one\": .data.a"));
        let forced = apply(&world, &by("two", true), &map(), configmap("c", json!({"a": "2"}))).await.unwrap().object;
        assert_eq!(managers(&forced), [told("two", "Apply", "", json!({"f:data": {"f:a": {}}}))]);
        let other =
            apply(&world, &by("one", false), &map(), json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}})).await;
        assert_eq!(other.unwrap_err().message, "invalid object type: /v1, Kind=Secret");
    });
}

#[test]
fn an_update_is_told_with_its_subresource_and_the_fields_that_it_changed() {
    world(async |world| {
        let pod = world.pod("p", json!({"automountServiceAccountToken": false})).await;
        let created = managers(&pod);
        assert_eq!((created.len(), &*created[0].0, &created[0].3["f:spec"]["f:restartPolicy"]), (1, "unknown", &json!({})));
        let target = Target::new(&kind("pods"), "default", "p").subresource(Subresource::Status);
        let mut body = pod.value();
        body["status"]["phase"] = json!("Running");
        let written = world.api.update(&by("kubelet", false), &target, body).await.unwrap().object;
        assert_eq!(managers(&written)[0], told("kubelet", "Update", "status", json!({"f:status": {"f:phase": {}}})));
        assert_eq!(managers(&written)[1], created[0]);
        let mut body = written.value();
        body["metadata"]["managedFields"] = json!([{}]);
        let reset = world.api.update(&by("who", false), &Target::new(&kind("pods"), "default", "p"), body).await.unwrap().object;
        assert_eq!(managers(&reset), []);
    });
}

#[test]
fn what_was_there_before_the_first_apply_has_a_manager_too() {
    world(async |world| {
        world.create("configmaps", "default", configmap("c", json!({"a": "1"}))).await.unwrap();
        let mut body = world.get("configmaps", "c").await.unwrap().value();
        body["metadata"]["managedFields"] = json!([{}]);
        world.update("configmaps", "c", body).await.unwrap();
        let applied = apply(&world, &by("one", false), &map(), configmap("c", json!({"b": "1"}))).await.unwrap().object;
        let expected = [
            told("before-first-apply", "Update", "", json!({"f:data": {".": {}, "f:a": {}}})),
            told("one", "Apply", "", json!({"f:data": {"f:b": {}}})),
        ];
        assert_eq!(managers(&applied), expected);
    });
}

//! Classes of storage, drivers and attachments.

use kabuki::api::client::Patch;
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::Target;
use serde_json::{Value, json};

use super::world::{World, call, kind, world};

async fn change(world: &World, target: &Target, change: Value) -> Result<Value, String> {
    world
        .api
        .patch(&call(), target, &Patch::Merge(change), &[])
        .await
        .map(|updated| updated.object.value())
        .map_err(|status| status.message)
}

fn claim(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
}

#[test]
fn a_claim_grows_if_it_is_bound_and_its_class_lets_it() {
    world(async |world| {
        let class = json!({"metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "example.com/p"});
        world.create("storageclasses", "", class).await.unwrap();
        let made = world.create("persistentvolumeclaims", "default", claim("c")).await.unwrap().value();
        assert_eq!(made["spec"]["storageClassName"], "fast");
        let target = Target::new(&kind("persistentvolumeclaims"), "default", "c");
        let more = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
        let status = target.clone().subresource(Subresource::Status);
        change(&world, &status, json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}})).await.unwrap();
        let why = change(&world, &target, more.clone()).await.unwrap_err();
        assert!(why.ends_with("the storageclass that provisions the pvc must support resize"), "{why}");
        change(&world, &Target::new(&kind("storageclasses"), "", "fast"), json!({"allowVolumeExpansion": true})).await.unwrap();
        let grown = change(&world, &target, more).await.unwrap();
        assert_eq!(grown["spec"]["resources"]["requests"]["storage"], "2Gi");
    });
}

#[test]
fn a_driver_has_a_generation_from_its_first_change_on() {
    world(async |world| {
        let made = world.create("csidrivers", "", json!({"metadata": {"name": "d"}, "spec": {}})).await.unwrap().value();
        assert!(made["metadata"].get("generation").is_none());
        let target = Target::new(&kind("csidrivers"), "", "d");
        let changed = change(&world, &target, json!({"spec": {"requiresRepublish": true}})).await.unwrap();
        assert_eq!(changed["metadata"]["generation"], 1);
        let why = change(&world, &target, json!({"spec": {"attachRequired": false}})).await.unwrap_err();
        assert!(why.ends_with("spec.attachedRequired: Invalid value: false: field is immutable"), "{why}");
        let twice = json!([{"audience": "a"}, {"audience": "a"}, {"audience": "b", "expirationSeconds": 5}]);
        let why = change(&world, &target, json!({"spec": {"tokenRequests": twice}})).await.unwrap_err();
        assert!(why.contains("spec.tokenRequests[1].audience: Duplicate value: \"a\""), "{why}");
        assert!(why.contains("expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes"), "{why}");
    });
}

#[test]
fn how_many_volumes_a_node_takes_may_change() {
    world(async |world| {
        let driver = |count: i32, id: &str| json!({"spec": {"drivers": [{"name": "d", "nodeID": id, "allocatable": {"count": count}}]}});
        let mut body = driver(1, "n");
        body["metadata"] = json!({"name": "n"});
        world.create("csinodes", "", body).await.unwrap();
        let target = Target::new(&kind("csinodes"), "", "n");
        let changed = |change: Value, version: Value| {
            let mut change = change;
            change["metadata"] = json!({"resourceVersion": version});
            change
        };
        let version = async || world.api.get(&kind("csinodes"), "", "n").await.unwrap().value()["metadata"]["resourceVersion"].clone();
        change(&world, &target, changed(driver(2, "n"), version().await)).await.unwrap();
        let why = change(&world, &target, changed(driver(2, "m"), version().await)).await.unwrap_err();
        assert!(why.contains("spec.drivers: Invalid value: ") && why.ends_with("field is immutable"), "{why}");
    });
}

#[test]
fn an_inline_volume_is_no_object_of_its_own() {
    world(async |world| {
        let inline = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "nfs": {"server": "s", "path": "/"}});
        let body = json!({"metadata": {"name": "a"}, "spec": {"attacher": "a", "nodeName": "n", "source": {"inlineVolumeSpec": inline}}});
        let why = world.create("volumeattachments", "", body).await.unwrap_err().message;
        for wrong in [
            "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes",
        ] {
            assert!(why.contains(wrong), "{why}");
        }
    });
}

#[test]
fn a_class_of_attributes_is_held_back_and_has_parameters() {
    world(async |world| {
        let class = |parameters: Value| json!({"metadata": {"name": "v"}, "driverName": "d", "parameters": parameters});
        let why = world.create("volumeattributesclasses", "", class(json!({}))).await.unwrap_err().message;
        assert!(why.ends_with("parameters: Required value: must contain at least one key/value pair"), "{why}");
        let made = world.create("volumeattributesclasses", "", class(json!({"a": "b"}))).await.unwrap().value();
        assert_eq!(made["metadata"]["finalizers"], json!(["kubernetes.io/vac-protection"]));
    });
}

#[test]
fn a_pod_goes_where_its_runtime_class_can_run() {
    world(async |world| {
        let scheduling = json!({"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}]});
        let class = json!({"metadata": {"name": "r"}, "handler": "h", "overhead": {"podFixed": {"cpu": "100m"}}, "scheduling": scheduling});
        world.create("runtimeclasses", "", class).await.unwrap();
        let pod = world.pod("p", json!({"runtimeClassName": "r", "nodeSelector": {"c": "d"}})).await.value();
        assert_eq!(pod["spec"]["nodeSelector"], json!({"a": "b", "c": "d"}));
        assert_eq!(pod["spec"]["overhead"], json!({"cpu": "100m"}));
        assert_eq!(pod["spec"]["tolerations"][2], json!({"key": "k", "operator": "Exists"}));
    });
}

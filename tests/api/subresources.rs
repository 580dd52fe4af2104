//! Status, scale, binding, eviction and tokens.

use kabuki::api::client::{Patch, WriteOptions};
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::{Call, Target, User};
use kabuki::runtime::store::Stored;
use serde_json::{Value, json};

use super::world::{World, call, kind, world};

fn target(plural: &str, name: &str, subresource: Subresource) -> Target {
    Target::new(&kind(plural), "default", name).subresource(subresource)
}

async fn bind(world: &World, name: &str, body: Value) -> Result<Value, String> {
    let target = target("pods", name, Subresource::Binding);
    world.api.create_subresource(&call(), &target, body).await.map_err(|status| status.message)
}

#[test]
fn a_status_is_written_by_its_subresource_only() {
    world(async |world| {
        let pod = world.pod("p", json!({})).await;
        assert_eq!(pod.value()["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
        let patch = Patch::Merge(json!({"spec": {"nodeName": "other"}, "status": {"phase": "Running"}}));
        let patched = world.api.patch(&call(), &target("pods", "p", Subresource::Status), &patch, &[]).await.unwrap().object.value();
        assert_eq!((&patched["status"]["phase"], patched["spec"].get("nodeName")), (&json!("Running"), None));
        let patch = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Failed"}}));
        let patched = world.api.patch(&call(), &Target::new(&kind("pods"), "default", "p"), &patch, &[]).await.unwrap().object;
        assert_eq!((patched.value()["status"]["phase"].clone(), patched.meta().generation), (json!("Running"), 1));
    });
}

/// A PUT of a status leaves the rest of the object's bytes unread; a PATCH works on the whole object. Both come to the same.
#[test]
fn a_status_is_replaced_as_if_the_whole_object_were() {
    world(async |world| {
        let ended = json!([{"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 1}}}]);
        let alive = json!([{"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}}]);
        for name in ["put", "patched"] {
            world.pod(name, json!({"restartPolicy": "Never", "automountServiceAccountToken": false})).await;
            let spec = json!({"replicas": 1, "selector": {"a": "b"}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}});
            world.create("replicationcontrollers", "default", json!({"metadata": {"name": name}, "spec": spec})).await.unwrap();
            world.create("resourcequotas", "default", json!({"metadata": {"name": name}, "spec": {"hard": {"pods": "9"}}})).await.unwrap();
        }
        for (plural, status) in [
            ("pods", json!({"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": ended})),
            ("pods", json!({"phase": "Running", "podIPs": [{"ip": "x"}]})),
            ("pods", json!({"phase": "Running", "containerStatuses": alive})),
            ("pods", json!({"phase": "Failed", "qosClass": "Guaranteed"})),
            ("replicationcontrollers", json!({"replicas": 2, "readyReplicas": 1, "observedGeneration": 1})),
            ("replicationcontrollers", json!({"replicas": 2, "readyReplicas": 3})),
            ("resourcequotas", json!({"hard": {"pods": "9"}, "used": {"pods": "1"}})),
            ("resourcequotas", json!({"hard": {"pods": "-1"}})),
        ] {
            let target = |name| target(plural, name, Subresource::Status);
            let old = world.get(plural, "put").await.unwrap();
            let mut lean = old.parts(&[]);
            lean["metadata"]["labels"]["seen"] = json!("yes");
            lean["status"] = status.clone();
            let cleared = old.value()["status"].as_object().map(|old| old.keys().map(|field| (field.clone(), Value::Null)).collect());
            let mut whole: Value = cleared.unwrap_or_default();
            whole.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
            let patch = Patch::Merge(json!({"metadata": {"labels": {"seen": "yes"}}, "status": whole}));
            let put = world.api.update(&call(), &target("put"), lean).await.map(|updated| updated.object);
            let patched = world.api.patch(&call(), &target("patched"), &patch, &[]).await;
            let bare = |object: kabuki::api::object::Object| {
                let mut value = object.value();
                for field in ["name", "uid", "resourceVersion", "managedFields"] {
                    value["metadata"].as_object_mut().unwrap().remove(field);
                }
                value.to_string().replace("patched", "put")
            };
            let said = |error: kabuki::api::status::Status| error.message.replace("patched", "put");
            assert_eq!(put.map(bare).map_err(said), patched.map(|patched| bare(patched.object)).map_err(said), "{plural} {status}");
            let before = world.store_revision();
            let same = world.get(plural, "put").await.unwrap();
            world.api.update(&call(), &target("put"), same.value()).await.unwrap();
            assert_eq!(world.store_revision(), before, "what changes nothing is not written");
        }
        let pod = world.get("pods", "put").await.unwrap();
        assert_eq!((pod.meta().generation, pod.value()["status"]["phase"].clone()), (1, json!("Running")));
    });
}

#[test]
fn of_two_schedulers_one_loses() {
    world(async |world| {
        world.pod("p", json!({})).await;
        let to = |node: &str| json!({"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": node}});
        let (first, second) = futures::join!(bind(&world, "p", to("n1")), bind(&world, "p", to("n2")));
        assert_eq!([first, second].iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let pod = world.get("pods", "p").await.unwrap();
        let node = pod.value()["spec"]["nodeName"].as_str().unwrap().to_owned();
        assert_eq!(pod.meta().annotations["a"], "b");
        assert_eq!(pod.value()["status"]["conditions"][0]["type"], "PodScheduled");
        let why = format!("Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"{node}\"");
        assert_eq!(bind(&world, "p", to("n3")).await.unwrap_err(), why);
    });
}

#[test]
fn a_binding_to_what_is_no_node_is_refused() {
    world(async |world| {
        world.pod("p", json!({})).await;
        for (target, why) in [
            (json!({"kind": "Pod", "name": "x"}), "target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""),
            (json!({"kind": "Node"}), "target.name: Required value"),
        ] {
            assert_eq!(bind(&world, "p", json!({"target": target})).await.unwrap_err(), why);
        }
    });
}

#[test]
fn an_evicted_pod_says_why_it_goes() {
    world(async |world| {
        world.pod("p", json!({"nodeName": "n"})).await;
        let eviction = json!({"metadata": {"name": "p"}});
        let evict = target("pods", "p", Subresource::Eviction);
        let dry = Call::new(User::default(), WriteOptions { dry_run: true, ..Default::default() });
        world.api.create_subresource(&dry, &evict, eviction.clone()).await.unwrap();
        assert_eq!(world.get("pods", "p").await.unwrap().meta().deletion_timestamp, None);
        world.api.create_subresource(&call(), &evict, eviction).await.unwrap();
        let pod = world.get("pods", "p").await.unwrap();
        assert_eq!(pod.value()["status"]["conditions"][0]["reason"], "EvictionByEvictionAPI");
        assert_eq!(pod.meta().deletion_grace_period_seconds, Some(30));
    });
}

#[test]
fn a_scale_is_read_and_set_like_an_object() {
    world(async |world| {
        let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        let spec = json!({"replicas": 2, "selector": {"app": "x"}, "template": template});
        world.create("replicationcontrollers", "default", json!({"metadata": {"name": "x"}, "spec": spec})).await.unwrap();
        let target = target("replicationcontrollers", "x", Subresource::Scale);
        let scale = world.api.get_subresource(&target).await.unwrap();
        assert_eq!((scale.value()["spec"].clone(), scale.value()["status"]["selector"].clone()), (json!({"replicas": 2}), json!("app=x")));
        let patch = |replicas: i64| Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let scaled = world.api.patch(&call(), &target, &patch(5), &[]).await.unwrap().object;
        assert_eq!(scaled.value()["spec"]["replicas"], 5);
        let controller = world.get("replicationcontrollers", "x").await.unwrap();
        assert_eq!((controller.value()["spec"]["replicas"].clone(), controller.meta().generation), (json!(5), 2));
        assert_eq!(controller.revision(), scaled.revision());
        let wrong = world.api.patch(&call(), &target, &patch(-1), &[]).await.unwrap_err();
        let why = "Scale.autoscaling \"x\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
        assert_eq!(wrong.message, why);
        let mut stale = scale.value();
        stale["spec"]["replicas"] = 7.into();
        assert!(world.api.update(&call(), &target, stale).await.unwrap_err().is_conflict());
    });
}

#[test]
fn a_namespace_goes_once_finalize_finds_it_empty() {
    world(async |world| {
        world.create("namespaces", "", json!({"metadata": {"name": "t"}})).await.unwrap();
        let going = world.delete_namespace("t").await.unwrap();
        assert_eq!((going.gone, going.object.value()["status"]["phase"].clone()), (false, json!("Terminating")));
        let target = Target::new(&kind("namespaces"), "", "t");
        let mut body = going.object.value();
        body["spec"]["finalizers"] = json!([]);
        let kept = world.api.update(&call(), &target, body.clone()).await.unwrap().object;
        assert_eq!(kept.value()["spec"]["finalizers"], json!(["kubernetes"]));
        body["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        world.api.update(&call(), &target.subresource(Subresource::Finalize), body).await.unwrap();
        assert!(world.api.get(&kind("namespaces"), "", "t").await.unwrap_err().is_not_found());
    });
}

#[test]
fn a_token_lasts_at_least_ten_minutes_and_stands_for_its_account() {
    world(async |world| {
        world.create("serviceaccounts", "default", json!({"metadata": {"name": "a"}})).await.unwrap();
        let request = |name: &str, spec: Value| {
            let (world, target) = (&world, target("serviceaccounts", name, Subresource::Token));
            async move { world.api.create_subresource(&call(), &target, json!({"spec": spec})).await }
        };
        let given = request("a", json!({})).await.unwrap();
        assert_eq!(given["spec"].get("boundObjectRef"), Some(&Value::Null));
        let claims = world.tokens.verify(given["status"]["token"].as_str().unwrap()).unwrap().unwrap();
        assert_eq!((claims.sub.as_str(), claims.exp - claims.iat), ("system:serviceaccount:default:a", 3600));
        assert_eq!(request("none", json!({})).await.unwrap_err().message, "serviceaccounts \"none\" not found");
        let short = request("a", json!({"expirationSeconds": 5})).await.unwrap_err();
        assert!(short.message.ends_with("may not specify a duration less than 10 minutes"));
        let bound = request("a", json!({"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "x"}})).await.unwrap_err();
        assert_eq!(bound.message, "cannot bind token to object of type /v1, Kind=ConfigMap");
    });
}

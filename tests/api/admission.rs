//! What the cluster as a whole adds to writes, and refuses.

use kabuki::api::client::{DeleteOptions, Patch};
use kabuki::api::kinds::Subresource;
use kabuki::api::verbs::Target;
use serde_json::{Value, json};

use super::world::{World, call, configmap, kind, world};

async fn pod(world: &World, spec: Value) -> Result<Value, String> {
    if world.get("serviceaccounts", "default").await.is_err() {
        world.create("serviceaccounts", "default", json!({"metadata": {"name": "default"}})).await.unwrap();
    }
    let mut body = json!({"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    body["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world.create("pods", "default", body).await.map(|pod| pod.value()).map_err(|status| status.message)
}

#[test]
fn nothing_is_made_where_there_is_no_namespace_or_one_that_is_going() {
    world(async |world| {
        let missing = world.create("configmaps", "none", configmap("c", json!({}))).await.unwrap_err();
        assert_eq!((missing.code, missing.message.as_str()), (404, "namespaces \"none\" not found"));
        let body = json!({"metadata": {"name": "t"}, "spec": {"finalizers": ["kubernetes"]}});
        world.create("namespaces", "", body).await.unwrap();
        world.delete_namespace("t").await.unwrap();
        let going = world.create("configmaps", "t", configmap("c", json!({}))).await.unwrap_err();
        assert_eq!(
            going.message,
            "configmaps \"c\" is forbidden: unable to create new content in namespace t because it is being terminated"
        );
        assert_eq!(going.details.unwrap().causes[0].reason, "NamespaceTerminating");
        let protected = world.delete_namespace("default").await.unwrap_err();
        assert_eq!(protected.message, "namespaces \"default\" is forbidden: this namespace may not be deleted");
    });
}

#[test]
fn a_pod_runs_as_an_account_whose_token_is_mounted() {
    world(async |world| {
        let missing = pod(&world, json!({"serviceAccountName": "x"})).await.unwrap_err();
        assert!(missing.ends_with("error looking up service account default/x: serviceaccount \"x\" not found"), "{missing}");
        let pod = pod(&world, json!({})).await.unwrap();
        let mount = &pod["spec"]["containers"][0]["volumeMounts"][0];
        assert_eq!(mount["name"], pod["spec"]["volumes"][0]["name"]);
        assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
        assert_eq!(pod["spec"]["serviceAccount"], "default");
    });
}

#[test]
fn a_pod_that_wants_no_token_gets_none() {
    world(async |world| {
        let pod = pod(&world, json!({"automountServiceAccountToken": false})).await.unwrap();
        assert_eq!((pod["spec"].get("volumes"), pod["spec"]["containers"][0].get("volumeMounts")), (None, None));
    });
}

#[test]
fn a_pods_priority_is_its_classs() {
    world(async |world| {
        assert_eq!(pod(&world, json!({})).await.unwrap()["spec"]["priority"], 0);
        let class = |name: &str, value: i32, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default});
        world.create("priorityclasses", "", class("high", 1000, false)).await.unwrap();
        world.create("priorityclasses", "", class("usual", 7, true)).await.unwrap();
        let high = pod(&world, json!({"priorityClassName": "high"})).await.unwrap();
        assert_eq!(
            (high["spec"]["priority"].clone(), high["spec"]["preemptionPolicy"].clone()),
            (json!(1000), json!("PreemptLowerPriority"))
        );
        assert_eq!(pod(&world, json!({})).await.unwrap()["spec"]["priorityClassName"], "usual");
        let wrong = pod(&world, json!({"priorityClassName": "high", "priority": 5})).await.unwrap_err();
        assert!(wrong.contains("the integer value of priority (5) must not be provided in pod spec"), "{wrong}");
        let second = world.create("priorityclasses", "", class("other", 8, true)).await.unwrap_err();
        assert!(second.message.ends_with("PriorityClass usual is already marked as default. Only one default can exist"));
    });
}

#[test]
fn a_pod_tolerates_a_lost_node_for_five_minutes_unless_it_says_otherwise() {
    world(async |world| {
        let usual = pod(&world, json!({})).await.unwrap();
        assert_eq!(usual["spec"]["tolerations"].as_array().unwrap().len(), 2);
        let all = pod(&world, json!({"tolerations": [{"operator": "Exists"}]})).await.unwrap();
        assert_eq!(all["spec"]["tolerations"], json!([{"operator": "Exists"}]));
    });
}

#[test]
fn a_pod_without_a_node_goes_at_once_and_one_with_a_node_is_given_its_grace() {
    world(async |world| {
        let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
        let waiting = name(&pod(&world, json!({})).await.unwrap());
        assert!(world.delete("pods", &waiting, DeleteOptions::default()).await.unwrap().gone);
        let running = name(&pod(&world, json!({"nodeName": "n", "terminationGracePeriodSeconds": 9})).await.unwrap());
        let marked = world.delete("pods", &running, DeleteOptions::default()).await.unwrap();
        assert_eq!((marked.gone, marked.object.meta().deletion_grace_period_seconds), (false, Some(9)));
        let now = DeleteOptions { grace_period_seconds: Some(0), ..Default::default() };
        assert!(world.delete("pods", &running, now).await.unwrap().gone);
    });
}

#[test]
fn claims_and_volumes_are_protected_and_new_nodes_take_nothing_yet() {
    world(async |world| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        let claim = world.create("persistentvolumeclaims", "default", json!({"metadata": {"name": "c"}, "spec": spec})).await.unwrap();
        assert_eq!(claim.meta().finalizers, ["kubernetes.io/pvc-protection"]);
        let node = world.create("nodes", "", json!({"metadata": {"name": "n"}})).await.unwrap();
        assert_eq!(node.value()["spec"]["taints"][0]["key"], "node.kubernetes.io/not-ready");
    });
}

/// A quota of the namespace `default` that has been counted.
async fn quota(world: &World, name: &str, spec: Value, used: Value) {
    world.create("resourcequotas", "default", json!({"metadata": {"name": name}, "spec": spec})).await.unwrap();
    let target = Target::new(&kind("resourcequotas"), "default", name).subresource(Subresource::Status);
    let patch = Patch::Merge(json!({"status": {"hard": spec["hard"], "used": used}}));
    world.api.patch(&call(), &target, &patch, &[]).await.unwrap();
}

#[test]
fn a_quota_is_never_exceeded_however_many_ask_at_once() {
    world(async |world| {
        quota(&world, "q", json!({"hard": {"count/configmaps": "7"}}), json!({"count/configmaps": "0"})).await;
        let asked = (0..40).map(|index| {
            let world = &world;
            async move { world.create("configmaps", "default", configmap(&format!("c-{index}"), json!({}))).await }
        });
        let outcomes = futures::future::join_all(asked).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 7);
        let refused = outcomes.into_iter().find_map(Result::err).unwrap();
        let why = "is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=7, limited: count/configmaps=7";
        assert!(refused.message.ends_with(why), "{}", refused.message);
        assert_eq!(world.get("resourcequotas", "q").await.unwrap().value()["status"]["used"]["count/configmaps"], "7");
    });
}

#[test]
fn a_quota_on_requests_wants_every_container_to_say_its_own() {
    world(async |world| {
        quota(&world, "q", json!({"hard": {"requests.cpu": "1"}}), json!({"requests.cpu": "0"})).await;
        let silent = pod(&world, json!({})).await.unwrap_err();
        assert!(silent.ends_with("failed quota: q: must specify requests.cpu for: c"), "{silent}");
        let container = json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": "600m"}}}]);
        pod(&world, json!({"containers": container})).await.unwrap();
        let second = pod(&world, json!({"containers": container})).await.unwrap_err();
        assert!(
            second.ends_with("exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"),
            "{second}"
        );
    });
}

#[test]
fn a_quota_with_scopes_is_for_some_pods_only() {
    world(async |world| {
        quota(&world, "q", json!({"hard": {"pods": "0"}, "scopes": ["Terminating"]}), json!({"pods": "0"})).await;
        pod(&world, json!({})).await.unwrap();
        let refused = pod(&world, json!({"activeDeadlineSeconds": 5})).await.unwrap_err();
        assert!(refused.ends_with("exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"), "{refused}");
    });
}

#[test]
fn a_limit_range_completes_containers_and_refuses_what_is_out_of_bounds() {
    world(async |world| {
        let range = |name: &str, limits: Value| json!({"metadata": {"name": name}, "spec": {"limits": [limits]}});
        let defaults = json!({"type": "Container", "default": {"cpu": "500m", "memory": "256Mi"}, "defaultRequest": {"cpu": "100m"}});
        world.create("limitranges", "default", range("l", defaults)).await.unwrap();
        let completed = pod(&world, json!({})).await.unwrap();
        let resources = json!({"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}});
        assert_eq!(completed["spec"]["containers"][0]["resources"], resources);
        let note = "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c";
        assert_eq!(completed["metadata"]["annotations"]["kubernetes.io/limit-ranger"], note);
        world.create("limitranges", "default", range("m", json!({"type": "Pod", "max": {"cpu": "400m"}}))).await.unwrap();
        let refused = pod(&world, json!({})).await.unwrap_err();
        assert!(refused.ends_with("is forbidden: maximum cpu usage per Pod is 400m, but limit is 500m"), "{refused}");
        world
            .create("limitranges", "default", range("n", json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}})))
            .await
            .unwrap();
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}});
        let claim = world.create("persistentvolumeclaims", "default", json!({"metadata": {"name": "c"}, "spec": spec})).await.unwrap_err();
        assert_eq!(
            claim.message,
            "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"
        );
    });
}

#[test]
fn a_pods_overhead_is_its_runtime_classes() {
    world(async |world| {
        let made_up = pod(&world, json!({"overhead": {"cpu": "1"}})).await.unwrap_err();
        assert!(made_up.ends_with("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"), "{made_up}");
        let unknown = pod(&world, json!({"runtimeClassName": "fast"})).await.unwrap_err();
        assert!(unknown.ends_with("pod rejected: RuntimeClass \"fast\" not found"), "{unknown}");
    });
}

//! What the cluster as a whole adds to writes, and refuses.

use kabuki::api::client::DeleteOptions;
use serde_json::{Value, json};

use super::world::{World, configmap, world};

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

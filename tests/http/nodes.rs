//! What a node may do, by its certificate.

use hyper::Method;
use kabuki::http::identity::Subject;
use serde_json::{Value, json};

use super::site::{Client, Site, site};

const PODS: &str = "/api/v1/namespaces/n/pods";
const PATCH: &str = "application/merge-patch+json";

/// Two nodes, and on each a pod that refers to a secret, a config map and a claim named after the node.
async fn two_nodes(site: &Site) {
    let admin = site.admin();
    let create = async |path: &str, body: Value| {
        let answer = admin.post(path, &body.to_string()).await;
        assert_eq!(answer.code, 201, "{answer:?}");
    };
    for node in ["own", "other"] {
        let named = |name: &str| json!({"metadata": {"name": name}});
        create("/api/v1/nodes", named(node)).await;
        create("/api/v1/namespaces/n/secrets", named(node)).await;
        create("/api/v1/namespaces/n/configmaps", named(node)).await;
        create("/api/v1/namespaces/n/serviceaccounts", named(node)).await;
        let resources = json!({"requests": {"storage": "1Gi"}});
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": resources, "volumeName": node});
        create("/api/v1/namespaces/n/persistentvolumeclaims", json!({"metadata": {"name": node}, "spec": spec})).await;
        let claim = json!({"namespace": "n", "name": node});
        let spec =
            json!({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp"}, "claimRef": claim});
        create("/api/v1/persistentvolumes", json!({"metadata": {"name": node}, "spec": spec})).await;
        let spec = json!({
            "nodeName": node,
            "serviceAccountName": node,
            "containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": node}}, {"configMapRef": {"name": node}}]}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": node}}],
        });
        create(PODS, json!({"metadata": {"name": node}, "spec": spec})).await;
    }
}

fn node(site: &Site) -> Client<'_> {
    site.with_certificate(site.identity.authority.issue(&Subject::client("system:node:own", "system:nodes")).unwrap())
}

#[test]
fn a_node_reads_only_what_its_pods_refer_to() {
    site(async |site| {
        two_nodes(&site).await;
        let node = node(&site);
        for (path, expected) in [
            ("/api/v1/namespaces/n/secrets/{}", [200, 403]),
            ("/api/v1/namespaces/n/secrets?fieldSelector=metadata.name%3D{}", [200, 403]),
            ("/api/v1/namespaces/n/configmaps/{}", [200, 403]),
            ("/api/v1/namespaces/n/persistentvolumeclaims/{}", [200, 403]),
            ("/api/v1/persistentvolumes/{}", [200, 403]),
            ("/api/v1/namespaces/n/pods/{}", [200, 403]),
            ("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", [200, 403]),
            ("/api/v1/nodes/{}", [200, 403]),
            ("/api/v1/nodes?fieldSelector=metadata.name%3D{}", [200, 403]),
            ("/api/v1/namespaces/n/secrets", [403; 2]),
            ("/api/v1/secrets?fieldSelector=metadata.name%3D{}", [403; 2]),
            ("/api/v1/pods", [403; 2]),
            ("/api/v1/pods?fieldSelector=spec.nodeName%21%3D{}", [403; 2]),
            ("/api/v1/nodes", [403; 2]),
            ("/api/v1/namespaces/n/serviceaccounts/{}", [403; 2]),
            ("/api/v1/services", [200; 2]),
            ("/apis/discovery.k8s.io/v1/endpointslices", [403; 2]),
        ] {
            for (name, code) in ["own", "other"].into_iter().zip(expected) {
                let path = path.replace("{}", name);
                assert_eq!(node.get(&path).await.code, code, "{path}");
            }
        }
        let why = "secrets \"other\" is forbidden: User \"system:node:own\" cannot get resource \"secrets\" in API group \"\" in the \
                   namespace \"n\": no relationship found between node 'own' and this object";
        assert_eq!(node.get("/api/v1/namespaces/n/secrets/other").await.failure(), (403, why.to_owned()));
    });
}

#[test]
fn a_node_reports_on_its_own_pods_and_removes_no_others() {
    site(async |site| {
        two_nodes(&site).await;
        let node = node(&site).with("content-type", PATCH);
        let running = r#"{"status": {"phase": "Running"}}"#;
        assert_eq!(node.send(Method::PATCH, &format!("{PODS}/own/status"), running).await.code, 200);
        let why = "pods \"other\" is forbidden: node \"own\" can only update pod status for pods with spec.nodeName set to itself";
        assert_eq!(node.send(Method::PATCH, &format!("{PODS}/other/status"), running).await.failure(), (403, why.to_owned()));
        let labels = r#"{"metadata": {"labels": {"a": "b"}}}"#;
        assert_eq!(node.send(Method::PATCH, &format!("{PODS}/own/status"), labels).await.code, 403);
        assert_eq!(node.send(Method::PATCH, &format!("{PODS}/own"), labels).await.code, 403);
        let node = self::node(&site);
        let why = "pods \"other\" is forbidden: node \"own\" can only delete pods with spec.nodeName set to itself";
        assert_eq!(node.send(Method::DELETE, &format!("{PODS}/other"), "").await.failure(), (403, why.to_owned()));
        assert_eq!(node.send(Method::DELETE, PODS, "").await.code, 403);
        let eviction = |name: &str| format!(r#"{{"metadata": {{"name": "{name}", "namespace": "n"}}}}"#);
        assert_eq!(node.post(&format!("{PODS}/other/eviction"), &eviction("other")).await.code, 403);
        assert!(site.admin().get(&format!("{PODS}/other")).await.json().pointer("/status/conditions").is_none(), "nothing was written");
        assert_eq!(node.send(Method::DELETE, &format!("{PODS}/own"), "").await.code, 200);
        let pod = json!({"metadata": {"name": "new"}, "spec": {"nodeName": "own", "containers": [{"name": "c", "image": "i"}]}});
        let why = "pods \"new\" is forbidden: pod does not have \"kubernetes.io/config.mirror\" annotation, node \"own\" can only create mirror pods";
        assert_eq!(node.post(PODS, &pod.to_string()).await.failure(), (403, why.to_owned()));
    });
}

#[test]
fn a_node_shows_pods_of_its_own_that_want_nothing() {
    site(async |site| {
        two_nodes(&site).await;
        let node = node(&site);
        let uid = node.get("/api/v1/nodes/own").await.json()["metadata"]["uid"].clone();
        let mirror = |name: &str, spec: Value| {
            let owner = json!({"apiVersion": "v1", "kind": "Node", "name": "own", "uid": uid, "controller": true});
            let annotations = json!({"kubernetes.io/config.mirror": "x"});
            let mut pod = json!({"metadata": {"name": name, "annotations": annotations, "ownerReferences": [owner]}, "spec": spec});
            pod["spec"]["containers"] = json!([{"name": "c", "image": "i"}]);
            pod.to_string()
        };
        assert_eq!(node.post(PODS, &mirror("a", json!({"nodeName": "own"}))).await.code, 201);
        assert_eq!(node.post(PODS, &mirror("b", json!({"nodeName": "other"}))).await.code, 403);
        let volumes = json!([{"name": "v", "secret": {"secretName": "other"}}]);
        let (code, why) = node.post(PODS, &mirror("c", json!({"nodeName": "own", "volumes": volumes}))).await.failure();
        assert!(code == 403 && why.ends_with("can not create pods that reference secrets"), "{why}");
        assert_eq!(node.post(PODS, &mirror("d", json!({"nodeName": "own", "serviceAccountName": "own"}))).await.code, 403);
    });
}

#[test]
fn a_node_gets_tokens_only_for_its_pods_and_bound_to_them() {
    site(async |site| {
        two_nodes(&site).await;
        let node = node(&site);
        let uid = async |pod: &str| site.admin().get(&format!("{PODS}/{pod}")).await.json()["metadata"]["uid"].clone();
        let (own, other) = (uid("own").await, uid("other").await);
        let ask = async |account: &str, spec: Value| {
            let path = format!("/api/v1/namespaces/n/serviceaccounts/{account}/token");
            node.post(&path, &json!({"spec": spec}).to_string()).await.code.as_u16()
        };
        let bound = |name: &str, uid: &Value| json!({"kind": "Pod", "apiVersion": "v1", "name": name, "uid": uid});
        assert_eq!(ask("own", json!({"boundObjectRef": bound("own", &own)})).await, 201);
        assert_eq!(ask("own", json!({})).await, 403, "bound to no pod");
        assert_eq!(ask("own", json!({"boundObjectRef": bound("own", &Value::Null)})).await, 403, "whatever pod has the name");
        assert_eq!(ask("own", json!({"boundObjectRef": bound("own", &other)})).await, 403, "another pod");
        assert_eq!(ask("own", json!({"boundObjectRef": bound("other", &other)})).await, 403, "another node's pod");
        assert_eq!(ask("other", json!({"boundObjectRef": bound("own", &own)})).await, 403, "another account");
        let audiences = json!(["vault"]);
        assert_eq!(
            ask("own", json!({"boundObjectRef": bound("own", &own), "audiences": audiences})).await,
            403,
            "whom the pod does not name"
        );
        let other = json!({"spec": {"boundObjectRef": bound("other", &other)}}).to_string();
        let (code, why) = site.admin().post("/api/v1/namespaces/n/serviceaccounts/own/token", &other).await.failure();
        assert!(code == 400 && why.ends_with("to pod running with different serviceaccount name."), "{why}");
        let kind = json!({"kind": "Node", "apiVersion": "v1", "name": "own"});
        assert_eq!(ask("own", json!({"boundObjectRef": kind})).await, 403, "bound to the node");
    });
}

#[test]
fn a_node_keeps_its_own_node_and_lease_and_no_other() {
    site(async |site| {
        site.admin().post("/api/v1/namespaces", r#"{"metadata": {"name": "kube-node-lease"}}"#).await;
        let node = node(&site);
        let named = |name: &str| format!(r#"{{"metadata": {{"name": "{name}"}}}}"#);
        let leases = |namespace: &str| format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        for (path, name, code) in [
            ("/api/v1/nodes".to_owned(), "other", 403),
            ("/api/v1/nodes".to_owned(), "own", 201),
            (leases("kube-node-lease"), "other", 403),
            (leases("kube-node-lease"), "own", 201),
            (leases("n"), "own", 403),
        ] {
            assert_eq!(node.post(&path, &named(name)).await.code, code, "{path} {name}");
        }
        site.admin().post(&leases("kube-node-lease"), &named("other")).await;
        let node = node.with("content-type", PATCH);
        let patch = async |path: &str, body: &str| node.send(Method::PATCH, path, body).await.code.as_u16();
        let renewed = r#"{"spec": {"holderIdentity": "own"}}"#;
        assert_eq!(patch(&format!("{}/own", leases("kube-node-lease")), renewed).await, 200);
        assert_eq!(patch(&format!("{}/other", leases("kube-node-lease")), renewed).await, 403);
        assert_eq!(patch("/api/v1/nodes/own", r#"{"metadata": {"labels": {"kubernetes.io/os": "linux"}}}"#).await, 200);
        assert_eq!(patch("/api/v1/nodes/own", r#"{"metadata": {"labels": {"node-restriction.kubernetes.io/a": "b"}}}"#).await, 403);
        assert_eq!(patch("/api/v1/nodes/own", r#"{"spec": {"taints": null}}"#).await, 403, "it would take its own taint off");
        assert_eq!(patch("/api/v1/nodes/own/status", r#"{"status": {"phase": "Running"}}"#).await, 200);
    });
}

#[test]
fn an_account_of_the_system_does_what_its_controller_needs() {
    site(async |site| {
        site.admin().post("/api/v1/namespaces", r#"{"metadata": {"name": "kube-system"}}"#).await;
        let accounts = "/api/v1/namespaces/kube-system/serviceaccounts";
        for (account, pods, secrets) in
            [("replication-controller", 200, 403), ("default", 403, 403), ("generic-garbage-collector", 200, 200)]
        {
            site.admin().post(accounts, &format!(r#"{{"metadata": {{"name": "{account}"}}}}"#)).await;
            let token = site.admin().post(&format!("{accounts}/{account}/token"), r#"{"spec": {}}"#).await.json();
            let authorization = format!("Bearer {}", token["status"]["token"].as_str().unwrap());
            let code = async |path: &str| site.nobody().with("authorization", &authorization).get(path).await.code.as_u16();
            assert_eq!((code("/api/v1/pods").await, code("/api/v1/secrets").await), (pods, secrets), "{account}");
            assert_eq!(code("/api").await, 200);
        }
    });
}

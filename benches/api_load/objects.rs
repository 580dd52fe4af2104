//! What is written.

use serde_json::{Value, json};

use crate::connection::request;

/// A pod is padded to so many bytes.
const POD_BYTES: usize = 3 * 1024;
/// Stands for the name until one is given.
const NAME: &str = "NAME";

/// A request for each of many objects that differ in their names. Encoded once, so that the client costs little.
pub struct Template {
    path: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Template {
    fn new(path: String, body: &Value) -> Self {
        let text = body.to_string();
        let (before, after) = text.split_once(NAME).expect("a body holds the place of its name");
        Self { path, before: before.into(), after: after.into() }
    }

    fn body(&self, name: &str) -> Vec<u8> {
        [&self.before, name.as_bytes(), &self.after].concat()
    }

    pub fn post(&self, name: &str) -> Vec<u8> {
        request("POST", &self.path, &self.body(name))
    }

    pub fn put(&self, name: &str) -> Vec<u8> {
        request("PUT", &format!("{}/{name}", self.path), &self.body(name))
    }
}

pub fn namespace() -> Template {
    Template::new("/api/v1/namespaces".into(), &json!({"metadata": {"name": NAME}}))
}

/// Some 250 bytes.
pub fn config_map(namespace: &str) -> Template {
    let data = json!({"mode": "production", "endpoints": "10.0.0.1:8080,10.0.0.2:8080,10.0.0.3:8080"});
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "labels": {"app": "bench"}}, "data": data});
    Template::new(format!("/api/v1/namespaces/{namespace}/configmaps"), &body)
}

/// Some 100 bytes, of a kind that no controller writes into a namespace.
pub fn secret(namespace: &str) -> Template {
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "data": {"token": "c2VjcmV0LXZhbHVl"}});
    Template::new(format!("/api/v1/namespaces/{namespace}/secrets"), &body)
}

/// 3 KB as sent. For a scheduler that does not exist, what is measured is the API.
pub fn pod(namespace: &str, scheduler: &str) -> Template {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"app": "bench", "tier": "web"}, "annotations": {"padding": ""}},
        "spec": {
            "schedulerName": scheduler,
            "containers": [container("server", 8080), container("proxy", 8081)],
            "volumes": [{"name": "config", "configMap": {"name": "settings"}}],
        },
    });
    let missing = POD_BYTES.saturating_sub(pod.to_string().len());
    pod["metadata"]["annotations"]["padding"] = "x".repeat(missing).into();
    Template::new(format!("/api/v1/namespaces/{namespace}/pods"), &pod)
}

/// As small as a pod can be that runs.
pub fn small_pod() -> Template {
    let requests = json!({"cpu": "10m", "memory": "16Mi"});
    let containers = json!([{"name": "main", "image": "registry.example.com/team/main:v1", "resources": {"requests": requests}}]);
    let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": {"app": "bench"}}, "spec": {"containers": containers}});
    Template::new("/api/v1/namespaces/default/pods".into(), &body)
}

/// A node that nobody runs: it is ready, and nothing that is bound to it starts.
pub fn node() -> Template {
    let amounts = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
    let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady"});
    let status = json!({"capacity": amounts, "allocatable": amounts, "conditions": [ready]});
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}, "status": status});
    Template::new("/api/v1/nodes".into(), &body)
}

fn container(name: &str, port: u16) -> Value {
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": port}, "periodSeconds": 10, "timeoutSeconds": 2});
    let variable = |number: usize| json!({"name": format!("SETTING_{number}"), "value": format!("value-of-setting-{number}")});
    json!({
        "name": name,
        "image": format!("registry.example.com/team/{name}:v1.2.3"),
        "args": ["--log-level=info"],
        "env": (0..8).map(variable).collect::<Vec<_>>(),
        "ports": [{"name": name, "containerPort": port}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "livenessProbe": probe("/livez"),
        "readinessProbe": probe("/readyz"),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config", "readOnly": true}],
    })
}

//! ServiceAccount: every pod runs as an account, with a token that a projected volume brings to it.

use serde_json::{Value, json};

use super::Request;
use crate::api::status::Status;

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// An hour and seven seconds: kubelets renew it at 80 % (KEP-1205).
const EXPIRATION_SECONDS: i64 = 3607;
/// On a pod that a kubelet shows the API, which did not come from there.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn admit(request: &Request, pod: &mut Value) -> Result<(), Status> {
    if !request.creates("pods") || !pod["metadata"]["annotations"][MIRROR].is_null() {
        return Ok(());
    }
    let spec = &mut pod["spec"];
    let name = match spec["serviceAccountName"].as_str() {
        None | Some("") => "default".to_owned(),
        Some(name) => name.to_owned(),
    };
    let path = format!("{}/{name}", request.namespace);
    let Some(account) = request.find("serviceaccounts", &path) else {
        return Err(request.forbidden(&format!("error looking up service account {path}: serviceaccount \"{name}\" not found")));
    };
    let account = account.value();
    spec["serviceAccountName"] = name.clone().into();
    spec["serviceAccount"] = name.into();
    let mounts = spec["automountServiceAccountToken"].as_bool().or(account["automountServiceAccountToken"].as_bool());
    if mounts.unwrap_or(true) {
        mount_token(request, spec);
    }
    let secrets = &account["imagePullSecrets"];
    if spec["imagePullSecrets"].as_array().is_none_or(Vec::is_empty) && secrets.as_array().is_some_and(|secrets| !secrets.is_empty()) {
        spec["imagePullSecrets"] = secrets.clone();
    }
    Ok(())
}

/// Mounts the token into each container that has nothing else in its place.
fn mount_token(request: &Request, spec: &mut Value) {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let present = volumes.filter(|volume| !volume["projected"].is_null()).filter_map(|volume| volume["name"].as_str());
    let present = present.filter(|name| name.starts_with(VOLUME_PREFIX)).map(str::to_owned).next();
    let name = present.clone().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", (request.suffix)()));
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            let mounts = &mut container["volumeMounts"];
            if mounts.as_array().into_iter().flatten().any(|mount| mount["mountPath"] == TOKEN_PATH) {
                continue;
            }
            push(mounts, json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH}));
            mounted = true;
        }
        // Indexing for writing leaves a null behind where there was no list.
        if spec[list].is_null() {
            spec.as_object_mut().map(|spec| spec.remove(list));
        }
    }
    if mounted && present.is_none() {
        push(&mut spec["volumes"], volume(&name));
    }
}

fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(item),
        None => *list = vec![item].into(),
    }
}

fn volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": EXPIRATION_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ],
        },
    })
}

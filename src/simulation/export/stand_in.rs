//! Controllers of kinds that nothing acts on here. A replication controller plays each of those whose pods are alike, so that what is taken
//! away from it is made again.

use serde_json::{Value, json};

use super::text;

/// Whose pods are alike.
const PLAYED: [&str; 2] = ["ReplicaSet", "StatefulSet"];
const APPS: &str = "apps/v1";
/// Of what is not in this cluster.
const ELSEWHERE: &str = "elsewhere.kabuki.dev/v1";

/// Whether a replication controller can play it.
pub fn is_played(object: &Value) -> bool {
    plays(text(object, "/apiVersion"), text(object, "/kind"))
}

pub fn plays(api_version: &str, kind: &str) -> bool {
    api_version == APPS && PLAYED.contains(&kind)
}

/// The replication controller that plays it: of the same name, UID and template.
pub fn stand_in(controller: &Value) -> Value {
    let mut template = controller.pointer("/spec/template").cloned().unwrap_or_default();
    // Volumes that are claimed for each pod apart: here each has one of its own, too, and no claim.
    let claims = controller.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    let volumes: Vec<Value> = claims.map(|claim| json!({"name": text(claim, "/metadata/name"), "emptyDir": {}})).collect();
    if !volumes.is_empty() {
        let known = template.pointer("/spec/volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        template["spec"]["volumes"] = known.into_iter().chain(volumes).collect();
    }
    let mut metadata = controller["metadata"].clone();
    if let Some(fields) = metadata.as_object_mut() {
        fields.remove("ownerReferences");
        fields.remove("finalizers");
    }
    let spec = json!({
        "replicas": controller.pointer("/spec/replicas").cloned().unwrap_or_else(|| 1.into()),
        "minReadySeconds": controller.pointer("/spec/minReadySeconds").cloned().unwrap_or_else(|| 0.into()),
        "selector": template.pointer("/metadata/labels").cloned().unwrap_or_default(),
        "template": template,
    });
    json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": spec})
}

/// Makes a pod name who plays its controller. One that nobody plays is left where it was: it is not missed here.
pub fn follow(pod: &mut Value) {
    let owners = pod.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten() {
        if is_played(owner) {
            owner["apiVersion"] = "v1".into();
            owner["kind"] = "ReplicationController".into();
        } else if text(owner, "/apiVersion") != "v1" {
            owner["apiVersion"] = ELSEWHERE.into();
        }
    }
}

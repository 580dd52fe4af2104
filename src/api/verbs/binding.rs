//! Binding a pod to a node: a compare-and-set, so that of two schedulers one loses.

use serde_json::{Map, Value, json};

use super::metadata::{metadata, now, text};
use super::update::{Reach, wrong_uid};
use super::{ATTEMPTS, Api, Call, Target, modified, not_found};
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::runtime::flaw::{Flaw, planted};

impl Api {
    /// Sets the pod's node and its condition `PodScheduled`, and brings the binding's annotations and labels to it.
    ///
    /// # Errors
    /// `Conflict`: it has a node, is being deleted, or is not the pod that was meant.
    pub(super) async fn bind(&self, call: &Call, target: &Target, binding: &Value) -> Result<(), Status> {
        let node = node(binding).map_err(|why| Status::new(500, Reason::Unknown, why))?;
        let meta = &binding["metadata"];
        if meta["name"].as_str().is_some_and(|name| !name.is_empty() && name != target.name) {
            return Err(Status::bad_request("name in URL does not match name in Binding object"));
        }
        let uid = meta["uid"].as_str().unwrap_or_default();
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let old = snapshot.get(&target.key()).ok_or_else(|| not_found(&target.kind, &target.name))?;
            if !uid.is_empty() && uid != old.uid() {
                return Err(wrong_uid(target, uid, old.uid()));
            }
            let before = old.value();
            let mut pod = before.clone();
            metadata(&mut pod).remove("resourceVersion");
            assign(old, &mut pod, node, meta).map_err(|why| Status::conflict("", "pods/binding", &target.name, &why))?;
            if self.replace(call, target, Reach::Object, old, (before, pod), Vec::new()).await?.is_some() {
                return Ok(());
            }
        }
        Err(modified(&target.kind, &target.name))
    }
}

/// The name of the node that the binding is to.
fn node(binding: &Value) -> Result<&str, String> {
    let target = &binding["target"];
    match (target["kind"].as_str().unwrap_or_default(), target["name"].as_str().unwrap_or_default()) {
        ("" | "Node", "") => Err("target.name: Required value".to_owned()),
        ("" | "Node", name) => Ok(name),
        (kind, _) => Err(format!("target.kind: Unsupported value: \"{kind}\": supported values: \"Node\", \"<empty>\"")),
    }
}

fn assign(old: &Object, pod: &mut Value, node: &str, binding: &Value) -> Result<(), String> {
    let name = old.name();
    if old.meta().deletion_timestamp.is_some() {
        return Err(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let spec = pod["spec"].as_object_mut().ok_or_else(|| format!("pod {name} has no spec"))?;
    let assigned = text(spec, "nodeName");
    if !assigned.is_empty() && !planted(Flaw::BindsTwice) {
        return Err(format!("pod {name} is already assigned to node \"{assigned}\""));
    }
    if spec.get("schedulingGates").and_then(Value::as_array).is_some_and(|gates| !gates.is_empty()) {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    spec.insert("nodeName".into(), node.into());
    for field in ["annotations", "labels"] {
        let Some(added) = binding[field].as_object().filter(|added| !added.is_empty()) else { continue };
        let present = metadata(pod).entry(field).or_insert_with(|| Value::Object(Map::new()));
        if let Some(present) = present.as_object_mut() {
            present.extend(added.clone());
        }
    }
    set_condition(pod, json!({"type": "PodScheduled", "status": "True"}));
    Ok(())
}

/// Adds a condition to a pod's status, or replaces the one of its type; the time of transition is that of the last change of status.
pub(super) fn set_condition(pod: &mut Value, mut condition: Value) {
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = Value::Array(Vec::new());
    }
    let conditions = conditions.as_array_mut().expect("made an array above");
    let present = conditions.iter().position(|present| present["type"] == condition["type"]);
    let unchanged = present.map(|at| &conditions[at]).filter(|present| present["status"] == condition["status"]);
    condition["lastTransitionTime"] = unchanged.map_or_else(now, |present| present["lastTransitionTime"].clone());
    condition["lastProbeTime"] = Value::Null;
    match present {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

//! Claims and volumes as they are to be; `None` where they are so already.

use serde_json::{Value, json};

use super::views::{BIND_COMPLETED, BY_CONTROLLER, Claim, Volume};
use crate::api::object::Object;
use crate::runtime::store::Stored;

/// The volume, kept for the claim.
pub fn reserved(volume: &Volume, claim: &Claim) -> Option<Value> {
    if volume.claim.as_ref().is_some_and(|reserved| reserved.key == claim.key && reserved.uid == claim.uid) {
        return None;
    }
    let mut body = volume.object.value();
    body["spec"]["claimRef"] = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": &*claim.key.namespace,
        "name": &*claim.key.name,
        "uid": claim.uid,
        "resourceVersion": claim.object.revision().to_string(),
    });
    if !volume.is_for(claim) {
        body["metadata"]["annotations"][BY_CONTROLLER] = "yes".into();
    }
    Some(body)
}

/// The volume, kept for nobody, or only for whom a user keeps it.
pub fn unbound(volume: &Volume) -> Value {
    let mut body = volume.object.value();
    let spec = body["spec"].as_object_mut();
    if volume.by_controller {
        spec.map(|spec| spec.remove("claimRef"));
        let annotations = body["metadata"]["annotations"].as_object_mut();
        annotations.map(|annotations| annotations.remove(BY_CONTROLLER));
    } else {
        let reference = spec.and_then(|spec| spec.get_mut("claimRef")?.as_object_mut());
        reference.map(|reference| reference.remove("uid"));
    }
    body
}

/// The volume in a phase.
pub fn phase(volume: &Object, phase: &str, message: &str) -> Option<Value> {
    let mut body = volume.value();
    if body["status"]["phase"] == phase {
        return None;
    }
    body["status"]["phase"] = phase.into();
    match message {
        "" => _ = body["status"].as_object_mut().map(|status| status.remove("message")),
        message => body["status"]["message"] = message.into(),
    }
    Some(body)
}

/// The claim, bound to the volume.
pub fn bound(claim: &Claim, volume: &str) -> Option<Value> {
    if claim.volume == volume && claim.completed {
        return None;
    }
    let mut body = claim.object.value();
    if claim.volume != volume {
        body["spec"]["volumeName"] = volume.into();
        body["metadata"]["annotations"][BY_CONTROLLER] = "yes".into();
    }
    body["metadata"]["annotations"][BIND_COMPLETED] = "yes".into();
    Some(body)
}

/// The claim that has what the volume gives. How much that is may change later, by others.
pub fn bound_status(claim: &Object, volume: &Value) -> Option<Value> {
    let before = claim.value();
    let mut body = before.clone();
    let status = &mut body["status"];
    let spec = &volume["spec"];
    if status["phase"] != "Bound" || status["capacity"]["storage"].is_null() {
        status["capacity"] = spec["capacity"].clone();
    }
    status["phase"] = "Bound".into();
    status["accessModes"] = spec["accessModes"].clone();
    if let Some(class) = spec["volumeAttributesClassName"].as_str() {
        status["currentVolumeAttributesClassName"] = class.into();
    }
    (body != before).then_some(body)
}

/// The claim that has nothing, in a phase.
pub fn bare_status(claim: &Object, phase: &str) -> Option<Value> {
    let before = claim.value();
    let mut body = before.clone();
    let status = body["status"].as_object_mut()?;
    status.insert("phase".to_owned(), phase.into());
    status.remove("accessModes");
    status.remove("capacity");
    (body != before).then_some(body)
}

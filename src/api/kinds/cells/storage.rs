//! The cells of volumes and claims.

use serde_json::Value;

use super::{Fields, NONE, UNSET, joined, or};

/// The annotation that named a class before there was a field.
const CLASS_ANNOTATION: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";

pub fn phase(object: &Value) -> Value {
    if object.is_set("/metadata/deletionTimestamp") { "Terminating".into() } else { object.text("/status/phase").into() }
}

pub fn class(object: &Value) -> Value {
    object.pointer(CLASS_ANNOTATION).and_then(Value::as_str).unwrap_or_else(|| object.text("/spec/storageClassName")).into()
}

pub fn attributes_class(object: &Value) -> Value {
    or_unset(object, "/spec/volumeAttributesClassName")
}

pub fn mode(object: &Value) -> Value {
    or_unset(object, "/spec/volumeMode")
}

fn or_unset(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).cloned().unwrap_or_else(|| UNSET.into())
}

pub fn volume_capacity(volume: &Value) -> Value {
    amount(volume, "/spec/capacity/storage")
}

pub fn volume_access_modes(volume: &Value) -> Value {
    access_modes(volume.list("/spec/accessModes")).into()
}

pub fn volume_claim(volume: &Value) -> Value {
    if !volume.is_set("/spec/claimRef") {
        return "".into();
    }
    format!("{}/{}", volume.text("/spec/claimRef/namespace"), volume.text("/spec/claimRef/name")).into()
}

pub fn claim_capacity(claim: &Value) -> Value {
    if is_bound(claim) { amount(claim, "/status/capacity/storage") } else { "".into() }
}

pub fn claim_access_modes(claim: &Value) -> Value {
    if is_bound(claim) { access_modes(claim.list("/status/accessModes")).into() } else { "".into() }
}

fn is_bound(claim: &Value) -> bool {
    !claim.text("/spec/volumeName").is_empty()
}

/// A quantity; what is absent is nought.
fn amount(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).cloned().unwrap_or_else(|| "0".into())
}

/// The modes by their initials, in one order.
fn access_modes(modes: &[Value]) -> String {
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")]
        .into_iter()
        .filter(|(mode, _)| modes.iter().any(|one| one == mode))
        .map(|(_, short)| short)
        .collect::<Vec<_>>()
        .join(",")
}

/// The name of a class, and that it is the default.
pub fn class_name(class: &Value) -> Value {
    name_of(class, &["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"])
}

pub fn attributes_class_name(class: &Value) -> Value {
    name_of(class, &["volumeattributesclass.alpha.kubernetes.io/is-default-class"])
}

fn name_of(class: &Value, marks: &[&str]) -> Value {
    let annotations = class.at("/metadata/annotations");
    let is_default = marks.iter().any(|mark| annotations.and_then(|annotations| annotations.get(mark)).is_some_and(|mark| mark == "true"));
    let name = class.text("/metadata/name");
    if is_default { format!("{name} (default)").into() } else { name.into() }
}

pub fn class_expands(class: &Value) -> Value {
    class.flag("/allowVolumeExpansion").into()
}

pub fn attach_required(driver: &Value) -> Value {
    driver.at("/spec/attachRequired").cloned().unwrap_or(true.into())
}

pub fn token_audiences(driver: &Value) -> Value {
    if driver.is_set("/spec/tokenRequests") { joined(driver.list("/spec/tokenRequests"), "/audience") } else { UNSET.to_owned() }.into()
}

pub fn lifecycle_modes(driver: &Value) -> Value {
    let modes: Vec<&str> = driver.list("/spec/volumeLifecycleModes").iter().filter_map(Value::as_str).collect();
    or(&modes.join(","), NONE).into()
}

pub fn node_drivers(node: &Value) -> Value {
    node.list("/spec/drivers").len().into()
}

pub fn free_capacity(capacity: &Value) -> Value {
    or_unset(capacity, "/capacity")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_shows_what_it_got_once_it_is_bound() {
        let mut claim = json!({"spec": {}, "status": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}});
        assert_eq!((claim_capacity(&claim), claim_access_modes(&claim)), ("".into(), "".into()));
        claim["spec"]["volumeName"] = "v".into();
        assert_eq!((claim_capacity(&claim), claim_access_modes(&claim)), ("1Gi".into(), "RWO,RWX".into()));
    }

    #[test]
    fn a_default_class_says_so() {
        let class = |mark: &str| json!({"metadata": {"name": "c", "annotations": {"storageclass.kubernetes.io/is-default-class": mark}}});
        assert_eq!((class_name(&class("true")), class_name(&class("false"))), ("c (default)".into(), "c".into()));
    }
}

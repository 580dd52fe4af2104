//! The cells of volumes and claims.

use serde_json::Value;

use super::{Fields, UNSET};

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
}

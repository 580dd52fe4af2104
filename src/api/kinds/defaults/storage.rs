//! Volumes, claims, and what storage drivers say of themselves.

use serde_json::Value;

use super::Complete;
use super::volume::source;
use crate::api::kinds::fields::Fields;

pub fn persistent_volume(volume: &mut Value) {
    if let Some(spec) = volume.always(&["spec"]) {
        spec.empty("persistentVolumeReclaimPolicy", "Retain");
        spec.absent("volumeMode", "Filesystem");
        source(spec);
    }
}

pub fn persistent_volume_claim(claim: &mut Value) {
    if let Some(spec) = claim.always(&["spec"]) {
        claim_spec(spec);
    }
}

pub fn claim_spec(spec: &mut Value) {
    spec.absent("volumeMode", "Filesystem");
}

pub fn storage_class(class: &mut Value) {
    class.absent("reclaimPolicy", "Delete");
    class.absent("volumeBindingMode", "Immediate");
}

pub fn csi_driver(driver: &mut Value) {
    let Some(spec) = driver.always(&["spec"]) else { return };
    spec.absent("attachRequired", true);
    spec.absent("fsGroupPolicy", "ReadWriteOnceWithFSType");
    for field in ["podInfoOnMount", "requiresRepublish", "seLinuxMount", "storageCapacity"] {
        spec.absent(field, false);
    }
    if spec.list("/volumeLifecycleModes").is_empty() {
        spec["volumeLifecycleModes"] = vec!["Persistent"].into();
    }
}

pub fn volume_attachment(attachment: &mut Value) {
    attachment.part("/spec/source/inlineVolumeSpec").into_iter().for_each(source);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_driver_that_says_nothing_is_attached_and_keeps_its_volumes() {
        let mut driver = json!({});
        csi_driver(&mut driver);
        assert_eq!(
            driver["spec"],
            json!({"attachRequired": true, "fsGroupPolicy": "ReadWriteOnceWithFSType", "podInfoOnMount": false, "requiresRepublish": false,
                "seLinuxMount": false, "storageCapacity": false, "volumeLifecycleModes": ["Persistent"]})
        );
    }
}

//! One volume of a pod, and the sources that it shares with persistent volumes.

use serde_json::{Map, Value};

use super::Complete;
use super::storage::claim_spec;
use crate::api::kinds::fields::Fields;

/// `rw-r--r--`.
const FILE_MODE: i32 = 0o644;

pub fn volume(volume: &mut Value) {
    if volume.as_object().is_some_and(|fields| fields.iter().all(|(name, source)| name == "name" || source.is_null())) {
        volume.absent("emptyDir", Map::new());
    }
    for source in ["/secret", "/configMap", "/downwardAPI", "/projected"] {
        if let Some(files) = volume.part(source) {
            files.absent("defaultMode", FILE_MODE);
        }
    }
    volume.part("/downwardAPI").into_iter().for_each(downward);
    for source in volume.each("/projected/sources") {
        source.part("/downwardAPI").into_iter().for_each(downward);
        if let Some(token) = source.part("/serviceAccountToken") {
            token.absent("expirationSeconds", 3600);
        }
    }
    if let Some(claim) = volume.part("/ephemeral/volumeClaimTemplate/spec") {
        claim_spec(claim);
    }
    source(volume);
}

fn downward(files: &mut Value) {
    for item in files.each("/items") {
        if let Some(field) = item.part("/fieldRef") {
            field.empty("apiVersion", "v1");
        }
    }
}

/// The defaults of sources that pods and persistent volumes name alike.
pub fn source(volume: &mut Value) {
    if let Some(path) = volume.part("/hostPath") {
        path.absent("type", "");
    }
    if let Some(iscsi) = volume.part("/iscsi") {
        iscsi.empty("iscsiInterface", "default");
    }
    if let Some(disk) = volume.part("/azureDisk") {
        disk.absent("cachingMode", "ReadWrite");
        disk.absent("kind", "Shared");
        disk.absent("fsType", "ext4");
        disk.absent("readOnly", false);
    }
    if let Some(rbd) = volume.part("/rbd") {
        rbd.empty("pool", "rbd");
        rbd.empty("user", "admin");
        rbd.empty("keyring", "/etc/ceph/keyring");
    }
    if let Some(scale_io) = volume.part("/scaleIO") {
        scale_io.empty("storageMode", "ThinProvisioned");
        scale_io.empty("fsType", "xfs");
    }
    if !volume.text("/image/reference").is_empty() {
        let policy = super::container::pull_policy(volume.text("/image/reference"));
        volume.part("/image").into_iter().for_each(|image| image.empty("pullPolicy", policy));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volumes_are_completed_by_their_source() {
        for (given, expected) in [
            (json!({"name": "v"}), json!({"name": "v", "emptyDir": {}})),
            (json!({"name": "v", "secret": {"defaultMode": 0}}), json!({"name": "v", "secret": {"defaultMode": 0}})),
            (json!({"configMap": {}}), json!({"configMap": {"defaultMode": 420}})),
            (json!({"hostPath": {"path": "/a"}}), json!({"hostPath": {"path": "/a", "type": ""}})),
            (
                json!({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
                json!({"projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]}}),
            ),
        ] {
            let mut object = given;
            volume(&mut object);
            assert_eq!(object, expected);
        }
    }
}

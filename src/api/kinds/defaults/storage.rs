//! Persistent volumes and claims.

use serde_json::Value;

use super::Complete;
use super::volume::source;

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

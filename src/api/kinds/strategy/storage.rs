//! Persistent volumes, claims and storage drivers.

use serde_json::Value;

use super::{now, put};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

pub fn persistent_volume(volume: &mut Value) {
    put(volume, "status", "phase", "Pending");
    put(volume, "status", "lastPhaseTransitionTime", now());
}

/// The time of a change of phase is known though nobody says it.
pub fn persistent_volume_update(volume: &mut Value, old: &Value, subresource: Option<Subresource>) {
    let phase = volume.text("/status/phase");
    if subresource == Some(Subresource::Status) && !phase.is_empty() && phase != old.text("/status/phase") {
        let told = volume.text("/status/lastPhaseTransitionTime");
        if told.is_empty() || told == old.text("/status/lastPhaseTransitionTime") {
            put(volume, "status", "lastPhaseTransitionTime", now());
        }
    }
}

/// A claim's source is told in its old and its new field.
pub fn persistent_volume_claim(claim: &mut Value) {
    put(claim, "status", "phase", "Pending");
    let (source, reference) = (claim.at("/spec/dataSource").cloned(), claim.at("/spec/dataSourceRef").cloned());
    match (source, reference) {
        (Some(source), None) => put(claim, "spec", "dataSourceRef", source),
        (None, Some(reference)) if reference.text("/namespace").is_empty() => put(claim, "spec", "dataSource", reference),
        _ => {}
    }
}

/// A driver has a generation from its first change on.
pub fn csi_driver_update(driver: &mut Value, old: &Value, _subresource: Option<Subresource>) {
    if driver.at("/spec") != old.at("/spec") {
        put(driver, "metadata", "generation", old.integer("/metadata/generation") + 1);
    }
}

//! PersistentVolume and PersistentVolumeClaim.

use k8s_openapi::api::core::v1;

use super::cells::storage as cells;
use super::strategy;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name};
use crate::api::validation::{persistent_volume as volumes, persistent_volume_claim as claims};

pub fn persistent_volume() -> Kind {
    Kind::new::<v1::PersistentVolume>("persistentvolumes", &["pv"])
        .cluster_scoped()
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([
            name(),
            computed("Capacity", cells::volume_capacity),
            computed("Access Modes", cells::volume_access_modes),
            column("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy"),
            computed("Status", cells::phase),
            computed("Claim", cells::volume_claim),
            computed("StorageClass", cells::class),
            computed("VolumeAttributesClass", cells::attributes_class),
            column("Reason", "/status/reason"),
            age(),
            computed("VolumeMode", cells::mode).wide(),
        ])
        .defaults(defaults::persistent_volume)
        .prepare(strategy::persistent_volume, strategy::persistent_volume_update)
        .judges(
            Judges::new(volumes::persistent_volume, volumes::persistent_volume_update)
                .subresource(Subresource::Status, volumes::persistent_volume_status_update),
        )
}

pub fn persistent_volume_claim() -> Kind {
    Kind::new::<v1::PersistentVolumeClaim>("persistentvolumeclaims", &["pvc"])
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([
            name(),
            computed("Status", cells::phase),
            column("Volume", "/spec/volumeName"),
            computed("Capacity", cells::claim_capacity),
            computed("Access Modes", cells::claim_access_modes),
            computed("StorageClass", cells::class),
            computed("VolumeAttributesClass", cells::attributes_class),
            age(),
            computed("VolumeMode", cells::mode).wide(),
        ])
        .defaults(defaults::persistent_volume_claim)
        .prepare(strategy::persistent_volume_claim, |_, _, _| {})
        .judges(
            Judges::new(claims::persistent_volume_claim, claims::persistent_volume_claim_update)
                .subresource(Subresource::Status, claims::persistent_volume_claim_status_update),
        )
}

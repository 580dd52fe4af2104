//! CSIDriver, CSINode, CSIStorageCapacity and VolumeAttachment: what storage drivers and the cluster tell each other.

use k8s_openapi::api::storage::v1;

use super::cells::storage as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, strategy};
use crate::api::validation::{csi as judge, volume_attachment as attachments};

pub fn csi_driver() -> Kind {
    Kind::new::<v1::CSIDriver>("csidrivers", &[])
        .cluster_scoped()
        .traits(Traits { answers_deleted: true, conditional_update: true, ..Traits::default() })
        .columns([
            name(),
            computed("AttachRequired", cells::attach_required).of("boolean"),
            column("PodInfoOnMount", "/spec/podInfoOnMount").of("boolean"),
            column("StorageCapacity", "/spec/storageCapacity").of("boolean"),
            computed("TokenRequests", cells::token_audiences),
            column("RequiresRepublish", "/spec/requiresRepublish").of("boolean"),
            computed("Modes", cells::lifecycle_modes),
            age(),
        ])
        .defaults(defaults::csi_driver)
        .prepare(|_| {}, strategy::csi_driver_update)
        .judges(Judges::new(judge::csi_driver, judge::csi_driver_update))
}

pub fn csi_node() -> Kind {
    Kind::new::<v1::CSINode>("csinodes", &[])
        .cluster_scoped()
        .traits(Traits { answers_deleted: true, conditional_update: true, ..Traits::default() })
        .columns([name(), computed("Drivers", cells::node_drivers).of("integer"), age()])
        .judges(Judges::new(judge::csi_node, judge::csi_node_update))
}

pub fn csi_storage_capacity() -> Kind {
    Kind::new::<v1::CSIStorageCapacity>("csistoragecapacities", &[])
        .traits(Traits { conditional_update: true, ..Traits::default() })
        .columns([name(), column("StorageClassName", "/storageClassName"), computed("Capacity", cells::free_capacity)])
        .judges(Judges::new(judge::csi_storage_capacity, judge::csi_storage_capacity_update).warnings(judge::csi_storage_capacity_warnings))
}

pub fn volume_attachment() -> Kind {
    Kind::new::<v1::VolumeAttachment>("volumeattachments", &[])
        .cluster_scoped()
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, conditional_update: true, status_leaves: &["spec", "metadata"], ..Traits::default() })
        .columns([
            name(),
            column("Attacher", "/spec/attacher").formatted("name"),
            column("PV", "/spec/source/persistentVolumeName"),
            column("Node", "/spec/nodeName"),
            column("Attached", "/status/attached").of("boolean"),
            age(),
        ])
        .defaults(defaults::volume_attachment)
        .prepare(|_| {}, strategy::status_alone)
        .judges(
            Judges::new(attachments::volume_attachment, attachments::volume_attachment_update)
                .subresource(Subresource::Status, attachments::volume_attachment_update),
        )
}

//! PersistentVolume and PersistentVolumeClaim.

use k8s_openapi::api::core::v1;

use super::{Kind, Subresource};

pub fn persistent_volume() -> Kind {
    Kind::new::<v1::PersistentVolume>("persistentvolumes", &["pv"]).cluster_scoped().subresources(&[Subresource::Status])
}

pub fn persistent_volume_claim() -> Kind {
    Kind::new::<v1::PersistentVolumeClaim>("persistentvolumeclaims", &["pvc"]).subresources(&[Subresource::Status])
}

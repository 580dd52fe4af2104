//! StorageClass and VolumeAttributesClass: the sorts of storage that claims can ask for.

use k8s_openapi::api::storage::v1;

use super::cells::storage as cells;
use super::{Judges, Kind, Traits, age, column, computed, defaults};
use crate::api::validation::storage_class as judge;

pub fn storage_class() -> Kind {
    Kind::new::<v1::StorageClass>("storageclasses", &["sc"])
        .cluster_scoped()
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([
            computed("Name", cells::class_name).formatted("name"),
            column("Provisioner", "/provisioner"),
            column("ReclaimPolicy", "/reclaimPolicy"),
            column("VolumeBindingMode", "/volumeBindingMode"),
            computed("AllowVolumeExpansion", cells::class_expands),
            age(),
        ])
        .defaults(defaults::storage_class)
        .judges(Judges::new(judge::storage_class, judge::storage_class_update).warnings(judge::storage_class_warnings))
}

pub fn volume_attributes_class() -> Kind {
    Kind::new::<v1::VolumeAttributesClass>("volumeattributesclasses", &["vac"])
        .cluster_scoped()
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([computed("Name", cells::attributes_class_name).formatted("name"), column("DriverName", "/driverName"), age()])
        .judges(Judges::new(judge::volume_attributes_class, judge::volume_attributes_class_update))
}

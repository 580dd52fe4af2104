//! DeviceClass, ResourceClaim, ResourceClaimTemplate and ResourceSlice: devices, and who gets them (KEP-4381).

use k8s_openapi::api::resource::v1;

use super::cells::device as cells;
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, selectable, strategy};
use crate::api::validation::device as judge;

pub fn device_class() -> Kind {
    Kind::new::<v1::DeviceClass>("deviceclasses", &[])
        .cluster_scoped()
        .traits(Traits { generation: true, answers_deleted: true, ..Traits::default() })
        .columns([name(), age()])
        .prepare(strategy::device_class, |class, _, _| strategy::device_class(class))
        .judges(Judges::new(judge::device_class, judge::device_class_update))
}

pub fn resource_claim() -> Kind {
    Kind::new::<v1::ResourceClaim>("resourceclaims", &[])
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([name(), computed("State", cells::claim_state), age()])
        .defaults(defaults::resource_claim)
        .prepare(strategy::resource_claim, strategy::resource_claim_update)
        .judges(
            Judges::new(judge::resource_claim, judge::resource_claim_update)
                .subresource(Subresource::Status, judge::resource_claim_status_update),
        )
}

pub fn resource_claim_template() -> Kind {
    Kind::new::<v1::ResourceClaimTemplate>("resourceclaimtemplates", &[])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([name(), age()])
        .defaults(defaults::resource_claim_template)
        .prepare(strategy::resource_claim_template, |template, _, _| strategy::resource_claim_template(template))
        .judges(Judges::new(judge::resource_claim_template, judge::resource_claim_template_update))
}

pub fn resource_slice() -> Kind {
    Kind::new::<v1::ResourceSlice>("resourceslices", &[])
        .cluster_scoped()
        .selectable([selectable("spec.driver", "/spec/driver"), selectable("spec.nodeName", "/spec/nodeName")])
        .traits(Traits { generation: true, answers_deleted: true, ..Traits::default() })
        .columns([name(), column("Node", "/spec/nodeName"), column("Driver", "/spec/driver"), column("Pool", "/spec/pool/name"), age()])
        .prepare(strategy::resource_slice, |slice, _, _| strategy::resource_slice(slice))
        .judges(Judges::new(judge::resource_slice, judge::resource_slice_update))
}

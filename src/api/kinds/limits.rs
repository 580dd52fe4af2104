//! LimitRange and ResourceQuota: what a namespace may use.

use k8s_openapi::api::core::v1;

use super::cells::cluster as cells;
use super::{Kind, Subresource, Traits, age, computed, defaults, name};

pub fn limit_range() -> Kind {
    Kind::new::<v1::LimitRange>("limitranges", &["limits"])
        .traits(Traits { create_on_update: true, ..Traits::default() })
        .defaults(defaults::limit_range)
}

pub fn resource_quota() -> Kind {
    Kind::new::<v1::ResourceQuota>("resourcequotas", &["quota"])
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([name(), computed("Request", cells::quota_requests), computed("Limit", cells::quota_limits), age()])
}

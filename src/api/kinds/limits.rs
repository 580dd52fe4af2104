//! LimitRange and ResourceQuota: what a namespace may use.

use k8s_openapi::api::core::v1;

use super::cells::cluster as cells;
use super::{Judges, Kind, Subresource, Traits, age, computed, defaults, name};
use crate::api::validation::limits as judge;

pub fn limit_range() -> Kind {
    Kind::new::<v1::LimitRange>("limitranges", &["limits"])
        .traits(Traits { create_on_update: true, ..Traits::default() })
        .defaults(defaults::limit_range)
        .judges(Judges::new(judge::limit_range, judge::limit_range_update))
}

pub fn resource_quota() -> Kind {
    Kind::new::<v1::ResourceQuota>("resourcequotas", &["quota"])
        .subresources(&[Subresource::Status])
        .traits(Traits { answers_deleted: true, status_depends_on: Some(&[]), ..Traits::default() })
        .columns([name(), computed("Request", cells::quota_requests), computed("Limit", cells::quota_limits), age()])
        .judges(
            Judges::new(judge::resource_quota, judge::resource_quota_update)
                .subresource(Subresource::Status, judge::resource_quota_status_update),
        )
}

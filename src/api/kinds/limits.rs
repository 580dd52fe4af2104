//! LimitRange and ResourceQuota: what a namespace may use.

use k8s_openapi::api::core::v1;

use super::{Kind, Subresource};

pub fn limit_range() -> Kind {
    Kind::new::<v1::LimitRange>("limitranges", &["limits"])
}

pub fn resource_quota() -> Kind {
    Kind::new::<v1::ResourceQuota>("resourcequotas", &["quota"]).subresources(&[Subresource::Status])
}

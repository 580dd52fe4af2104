//! ConfigMap, Secret and ServiceAccount: what pods are given.

use k8s_openapi::api::core::v1;

use super::{Kind, Subresource, selectable};

pub fn config_map() -> Kind {
    Kind::new::<v1::ConfigMap>("configmaps", &["cm"])
}

pub fn secret() -> Kind {
    Kind::new::<v1::Secret>("secrets", &[]).selectable([selectable("type", "/type")])
}

pub fn service_account() -> Kind {
    Kind::new::<v1::ServiceAccount>("serviceaccounts", &["sa"]).subresources(&[Subresource::Token])
}

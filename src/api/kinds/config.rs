//! ConfigMap, Secret and ServiceAccount: what pods are given.

use k8s_openapi::api::core::v1;

use super::cells::cluster::{account_secrets, data_entries};
use super::{Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, selectable};
use crate::api::validation::config as judge;

pub fn config_map() -> Kind {
    Kind::new::<v1::ConfigMap>("configmaps", &["cm"])
        .columns([name(), computed("Data", data_entries), age()])
        .judges(Judges::new(judge::config_map, judge::config_map_update))
}

pub fn secret() -> Kind {
    Kind::new::<v1::Secret>("secrets", &[])
        .selectable([selectable("type", "/type")])
        .columns([name(), column("Type", "/type"), computed("Data", data_entries), age()])
        .defaults(defaults::secret)
        .judges(Judges::new(judge::secret, judge::secret_update))
}

pub fn service_account() -> Kind {
    Kind::new::<v1::ServiceAccount>("serviceaccounts", &["sa"])
        .subresources(&[Subresource::Token])
        .traits(Traits { answers_deleted: true, ..Traits::default() })
        .columns([name(), computed("Secrets", account_secrets), age()])
        .judges(Judges::new(judge::service_account, judge::service_account_update))
}

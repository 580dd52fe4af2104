//! Role, ClusterRole and their bindings: who may do what.

use k8s_openapi::api::rbac::v1;

use super::cells::rbac as cells;
use super::{Column, Judges, Kind, Traits, age, computed, defaults, name};
use crate::api::validation::rbac as judge;

/// An update of a role that is not there creates it.
fn writes() -> Traits {
    Traits { create_on_update: true, ..Traits::default() }
}

pub fn role() -> Kind {
    Kind::new::<v1::Role>("roles", &[]).traits(writes()).judges(Judges::new(judge::role, judge::role_update))
}

pub fn cluster_role() -> Kind {
    Kind::new::<v1::ClusterRole>("clusterroles", &[])
        .cluster_scoped()
        .traits(writes())
        .judges(Judges::new(judge::cluster_role, judge::cluster_role_update))
}

pub fn role_binding() -> Kind {
    Kind::new::<v1::RoleBinding>("rolebindings", &[])
        .traits(writes())
        .columns(binding_columns())
        .defaults(defaults::role_binding)
        .judges(Judges::new(judge::role_binding, judge::role_binding_update))
}

pub fn cluster_role_binding() -> Kind {
    Kind::new::<v1::ClusterRoleBinding>("clusterrolebindings", &[])
        .cluster_scoped()
        .traits(writes())
        .columns(binding_columns())
        .defaults(defaults::role_binding)
        .judges(Judges::new(judge::cluster_role_binding, judge::cluster_role_binding_update))
}

fn binding_columns() -> [Column; 6] {
    [
        name(),
        computed("Role", cells::role),
        age(),
        computed("Users", cells::users).wide(),
        computed("Groups", cells::groups).wide(),
        computed("ServiceAccounts", cells::accounts).wide(),
    ]
}

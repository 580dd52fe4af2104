//! Namespace, Node, Lease and PriorityClass: what the cluster itself is made of.

use k8s_openapi::api::{coordination, core::v1, scheduling};

use super::{Kind, Selectable, Subresource, selectable};

pub fn namespace() -> Kind {
    Kind::new::<v1::Namespace>("namespaces", &["ns"])
        .cluster_scoped()
        .without_delete_collection()
        .subresources(&[Subresource::Finalize, Subresource::Status])
        .selectable([selectable("status.phase", "/status/phase")])
}

pub fn node() -> Kind {
    Kind::new::<v1::Node>("nodes", &["no"])
        .cluster_scoped()
        .collection("minions")
        .subresources(&[Subresource::Proxy, Subresource::Status])
        .selectable([Selectable { absent: "false", ..selectable("spec.unschedulable", "/spec/unschedulable") }])
}

pub fn lease() -> Kind {
    Kind::new::<coordination::v1::Lease>("leases", &[])
}

pub fn priority_class() -> Kind {
    Kind::new::<scheduling::v1::PriorityClass>("priorityclasses", &["pc"]).cluster_scoped()
}

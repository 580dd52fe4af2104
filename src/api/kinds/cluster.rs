//! Namespace, Node, Lease, PriorityClass and ComponentStatus: what the cluster itself is made of.

use k8s_openapi::api::{coordination, core::v1, scheduling};
use serde_json::{Value, json};

use super::cells::cluster as cells;
use super::strategy;
use super::{Judges, Kind, Selectable, Subresource, Traits, age, column, computed, defaults, name, selectable};
use crate::api::validation::cluster as judge;

pub fn namespace() -> Kind {
    Kind::new::<v1::Namespace>("namespaces", &["ns"])
        .cluster_scoped()
        .without_delete_collection()
        .subresources(&[Subresource::Finalize, Subresource::Status])
        .selectable([selectable("status.phase", "/status/phase")])
        .columns([name(), column("Status", "/status/phase"), age()])
        .defaults(defaults::namespace)
        .prepare(strategy::namespace, strategy::namespace_update)
        .judges(Judges::new(judge::namespace, judge::namespace_update).subresource(Subresource::Finalize, judge::namespace_finalize))
}

pub fn node() -> Kind {
    Kind::new::<v1::Node>("nodes", &["no"])
        .cluster_scoped()
        .collection("minions")
        .subresources(&[Subresource::Proxy, Subresource::Status])
        .selectable([Selectable { absent: "false", ..selectable("spec.unschedulable", "/spec/unschedulable") }])
        .columns([
            name(),
            computed("Status", cells::node_status),
            computed("Roles", cells::node_roles),
            age(),
            column("Version", "/status/nodeInfo/kubeletVersion"),
            computed("Internal-IP", cells::internal_ip).wide(),
            computed("External-IP", cells::external_ip).wide(),
            computed("OS-Image", cells::os_image).wide(),
            computed("Kernel-Version", cells::kernel).wide(),
            computed("Container-Runtime", cells::container_runtime).wide(),
        ])
        .defaults(defaults::node)
        .traits(Traits { status_on_create: true, ..Traits::default() })
        .judges(Judges::new(judge::node, judge::node_update))
}

pub fn lease() -> Kind {
    Kind::new::<coordination::v1::Lease>("leases", &[])
        .traits(Traits { create_on_update: true, conditional_update: true, ..Traits::default() })
        .columns([name(), column("Holder", "/spec/holderIdentity"), age()])
        .prepare(strategy::lease, strategy::lease_update)
        .judges(Judges::new(judge::lease, judge::lease_update))
}

pub fn priority_class() -> Kind {
    Kind::new::<scheduling::v1::PriorityClass>("priorityclasses", &["pc"])
        .cluster_scoped()
        .traits(Traits { generation: true, ..Traits::default() })
        .columns([
            name(),
            column("Value", "/value").of("integer"),
            column("Global-Default", "/globalDefault").of("boolean"),
            age(),
            column("PreemptionPolicy", "/preemptionPolicy"),
        ])
        .defaults(defaults::priority_class)
        .judges(Judges::new(judge::priority_class, judge::priority_class_update))
}

pub fn component_status() -> Kind {
    Kind::new::<v1::ComponentStatus>("componentstatuses", &["cs"])
        .cluster_scoped()
        .deprecated("v1 ComponentStatus is deprecated in v1.19+")
        .synthesized(components)
        .columns([
            name(),
            computed("Status", cells::component_health),
            column("Message", "/conditions/0/message"),
            column("Error", "/conditions/0/error"),
        ])
}

/// The parts that upstream looks after. Here the scheduler and the controllers are in the process that answers, which ends rather than go on
/// without them.
fn components(trouble: Option<&str>) -> Vec<Value> {
    let component = |name: &str, trouble: Option<&str>| {
        let condition = match trouble {
            None => json!({"type": "Healthy", "status": "True", "message": "ok"}),
            Some(why) => json!({"type": "Healthy", "status": "False", "error": why}),
        };
        json!({"apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": name}, "conditions": [condition]})
    };
    vec![component("controller-manager", None), component("etcd-0", trouble), component("scheduler", None)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_not_well_is_an_unhealthy_component() {
        let shown = |trouble| {
            let kind = component_status();
            let rows =
                components(trouble).iter().map(|component| kind.columns.iter().map(|column| column.value(component)).collect()).collect();
            let rows: Vec<Vec<Value>> = rows;
            Value::from(rows)
        };
        let ok = |name: &str| json!([name, "Healthy", "ok", ""]);
        assert_eq!(shown(None), json!([ok("controller-manager"), ok("etcd-0"), ok("scheduler")]));
        assert_eq!(shown(Some("full"))[1], json!(["etcd-0", "Unhealthy", "", "full"]));
    }
}

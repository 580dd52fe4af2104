//! Pod, PodTemplate and ReplicationController: what runs.

use k8s_openapi::api::core::v1;

use super::cells::pod as cells;
use super::strategy;
use super::{Column, Judges, Kind, Selectable, Subresource, Traits, age, column, computed, defaults, name, selectable};
use crate::api::validation::{pod as judge, replication_controller as controllers};

pub fn pod() -> Kind {
    use Subresource::{Attach, Binding, EphemeralContainers, Eviction, Exec, Log, PortForward, Proxy, Resize, Status};
    Kind::new::<v1::Pod>("pods", &["po"])
        .categories(&["all"])
        .subresources(&[Attach, Binding, EphemeralContainers, Eviction, Exec, Log, PortForward, Proxy, Resize, Status])
        .selectable([
            selectable("spec.nodeName", "/spec/nodeName"),
            selectable("spec.restartPolicy", "/spec/restartPolicy"),
            selectable("spec.schedulerName", "/spec/schedulerName"),
            selectable("spec.serviceAccountName", "/spec/serviceAccountName"),
            Selectable { absent: "false", ..selectable("spec.hostNetwork", "/spec/hostNetwork") },
            selectable("status.phase", "/status/phase"),
            selectable("status.podIP", "/status/podIP"),
            selectable("status.nominatedNodeName", "/status/nominatedNodeName"),
        ])
        .traits(Traits {
            generation: true,
            graceful: true,
            answers_deleted: true,
            status_depends_on: Some(&["/spec/restartPolicy"]),
            status_leaves: &["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"],
            ..Traits::default()
        })
        .columns([
            name(),
            computed("Ready", cells::ready),
            computed("Status", cells::status),
            computed("Restarts", cells::restarts),
            age(),
            computed("IP", cells::ip).wide(),
            computed("Node", cells::node).wide(),
            computed("Nominated Node", cells::nominated_node).wide(),
            computed("Readiness Gates", cells::readiness_gates).wide(),
        ])
        .row_conditions(cells::row_conditions)
        .defaults(defaults::pod)
        .prepare(strategy::pod, strategy::pod_update)
        .judges(
            Judges::new(judge::pod, judge::pod_update)
                .subresource(Subresource::Status, judge::pod_status_update)
                .subresource(Subresource::EphemeralContainers, judge::ephemeral_containers_update)
                .subresource(Subresource::Resize, judge::pod_resize)
                .warnings(judge::pod_warnings),
        )
}

pub fn pod_template() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::PodTemplate>("podtemplates", &[])
        .traits(Traits { generation: true, answers_deleted: true, ..Traits::default() })
        .columns([name(), containers, images, computed("Pod Labels", cells::template_labels)])
        .defaults(defaults::pod_template)
        .judges(Judges::new(judge::pod_template, judge::pod_template_update).warnings(judge::pod_template_warnings))
}

pub fn replication_controller() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::ReplicationController>("replicationcontrollers", &["rc"])
        .categories(&["all"])
        .collection("controllers")
        .subresources(&[Subresource::Scale, Subresource::Status])
        .selectable([Selectable { absent: "0", ..selectable("status.replicas", "/status/replicas") }])
        .traits(Traits {
            generation: true,
            answers_deleted: true,
            orphans_dependents: true,
            status_depends_on: Some(&[]),
            ..Traits::default()
        })
        .columns([
            name(),
            column("Desired", "/spec/replicas").of("integer"),
            column("Current", "/status/replicas").of("integer"),
            column("Ready", "/status/readyReplicas").of("integer"),
            age(),
            containers.wide(),
            images.wide(),
            computed("Selector", cells::selector).wide(),
        ])
        .defaults(defaults::replication_controller)
        .judges(
            Judges::new(controllers::replication_controller, controllers::replication_controller_update)
                .subresource(Subresource::Status, controllers::replication_controller_status_update)
                .warnings(judge::replication_controller_warnings),
        )
}

fn template_columns() -> [Column; 2] {
    [computed("Containers", cells::template_containers), computed("Images", cells::template_images)]
}

//! Deployment, ReplicaSet, StatefulSet, DaemonSet and ControllerRevision: what keeps pods running.

use k8s_openapi::api::apps::v1;

use super::cells::workload as cells;
use super::{Column, Judges, Kind, Subresource, Traits, age, column, computed, defaults, name, strategy};
use crate::api::validation::apps as judge;

/// How all of them are written: a change of their wish is counted, and a status is judged by itself.
fn counted() -> Traits {
    Traits { generation: true, status_depends_on: Some(&[]), ..Traits::default() }
}

pub fn deployment() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::Deployment>("deployments", &["deploy"])
        .categories(&["all"])
        .subresources(&[Subresource::Scale, Subresource::Status])
        .traits(counted())
        .columns([
            name(),
            computed("Ready", cells::ready_of_desired),
            computed("Up-to-date", cells::updated),
            computed("Available", cells::available),
            age(),
            containers,
            images,
            computed("Selector", cells::selector).wide(),
        ])
        .defaults(defaults::deployment)
        .prepare(|_| {}, strategy::deployment_update)
        .judges(
            Judges::new(judge::deployment, judge::deployment_update)
                .subresource(Subresource::Status, judge::deployment_status_update)
                .warnings(judge::deployment_warnings),
        )
}

pub fn replica_set() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::ReplicaSet>("replicasets", &["rs"])
        .categories(&["all"])
        .subresources(&[Subresource::Scale, Subresource::Status])
        .traits(counted())
        .columns([
            name(),
            column("Desired", "/spec/replicas").of("integer"),
            column("Current", "/status/replicas").of("integer"),
            column("Ready", "/status/readyReplicas").of("integer"),
            age(),
            containers,
            images,
            computed("Selector", cells::selector).wide(),
        ])
        .defaults(defaults::replica_set)
        .judges(
            Judges::new(judge::replica_set, judge::replica_set_update)
                .subresource(Subresource::Status, judge::replica_set_status_update)
                .warnings(judge::replica_set_warnings),
        )
}

pub fn stateful_set() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::StatefulSet>("statefulsets", &["sts"])
        .categories(&["all"])
        .subresources(&[Subresource::Scale, Subresource::Status])
        .traits(counted())
        .columns([name(), computed("Ready", cells::ready_of_desired), age(), containers, images])
        .defaults(defaults::stateful_set)
        .prepare(strategy::stateful_set, strategy::stateful_set_update)
        .judges(
            Judges::new(judge::stateful_set, judge::stateful_set_update)
                .subresource(Subresource::Status, judge::stateful_set_status_update)
                .warnings(judge::stateful_set_warnings),
        )
}

pub fn daemon_set() -> Kind {
    let [containers, images] = template_columns();
    Kind::new::<v1::DaemonSet>("daemonsets", &["ds"])
        .categories(&["all"])
        .subresources(&[Subresource::Status])
        .traits(counted())
        .columns([
            name(),
            column("Desired", "/status/desiredNumberScheduled").of("integer"),
            column("Current", "/status/currentNumberScheduled").of("integer"),
            column("Ready", "/status/numberReady").of("integer"),
            column("Up-to-date", "/status/updatedNumberScheduled").of("integer"),
            column("Available", "/status/numberAvailable").of("integer"),
            computed("Node Selector", cells::node_selector),
            age(),
            containers,
            images,
            computed("Selector", cells::selector).wide(),
        ])
        .defaults(defaults::daemon_set)
        .prepare(strategy::daemon_set, strategy::daemon_set_update)
        .judges(
            Judges::new(judge::daemon_set, judge::daemon_set_update)
                .subresource(Subresource::Status, judge::daemon_set_status_update)
                .warnings(judge::daemon_set_warnings),
        )
}

pub fn controller_revision() -> Kind {
    Kind::new::<v1::ControllerRevision>("controllerrevisions", &[])
        .columns([name(), computed("Controller", cells::controller), computed("Revision", cells::revision), age()])
        .judges(Judges::new(judge::controller_revision, judge::controller_revision_update))
}

/// What the pods are made of, in wide output.
fn template_columns() -> [Column; 2] {
    use super::cells::pod::{template_containers, template_images};
    [computed("Containers", template_containers).wide(), computed("Images", template_images).wide()]
}

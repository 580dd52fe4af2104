//! Pod, PodTemplate and ReplicationController: what runs.

use k8s_openapi::api::core::v1;

use super::{Kind, Selectable, Subresource, selectable};

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
}

pub fn pod_template() -> Kind {
    Kind::new::<v1::PodTemplate>("podtemplates", &[])
}

pub fn replication_controller() -> Kind {
    Kind::new::<v1::ReplicationController>("replicationcontrollers", &["rc"])
        .categories(&["all"])
        .collection("controllers")
        .subresources(&[Subresource::Scale, Subresource::Status])
        .selectable([Selectable { absent: "0", ..selectable("status.replicas", "/status/replicas") }])
}

//! Pods and what makes pods.

use serde_json::{Map, Value};

use super::container::{container, container_requests};
use super::volume::volume;
use super::{Complete, map_at};
use crate::api::kinds::fields::Fields;

pub fn pod(pod: &mut Value) {
    if let Some(spec) = pod.always(&["spec"]) {
        pod_spec(spec);
        spec.absent("enableServiceLinks", true);
    }
    let host_network = pod.flag("/spec/hostNetwork");
    for list in ["/spec/initContainers", "/spec/containers"] {
        for container in pod.each(list) {
            container_requests(container);
            if host_network {
                host_ports(container);
            }
        }
    }
}

pub fn pod_template(object: &mut Value) {
    template(object);
}

/// The labels of the template become the selector's and the controller's own where these have none.
pub fn replication_controller(controller: &mut Value) {
    if let Some(spec) = controller.always(&["spec"]) {
        spec.absent("replicas", 1);
        if let Some(template) = spec.part("/template").and_then(|template| template.always(&["spec"])) {
            pod_spec(template);
        }
    }
    let Some(labels) = map_at(controller, "/spec/template/metadata/labels") else { return };
    for parent in ["/spec", "/metadata"] {
        let field = if parent == "/spec" { "selector" } else { "labels" };
        if let Some(labels_of) = controller.part(parent).and_then(|parent| parent.made(field))
            && labels_of.is_empty()
        {
            *labels_of = labels.clone();
        }
    }
}

/// Of the template of something that Go always has one in.
pub(super) fn template(spec: &mut Value) {
    if let Some(pod) = spec.always(&["template", "spec"]) {
        pod_spec(pod);
    }
}

fn pod_spec(spec: &mut Value) {
    spec.empty("dnsPolicy", "ClusterFirst");
    spec.empty("restartPolicy", "Always");
    spec.empty("schedulerName", "default-scheduler");
    spec.absent("securityContext", Map::new());
    spec.absent("terminationGracePeriodSeconds", 30);
    service_account(spec);
    spec.each("/volumes").for_each(volume);
    for list in ["/initContainers", "/containers", "/ephemeralContainers"] {
        spec.each(list).for_each(container);
    }
}

/// The account's old field follows the new one, and stands in for it.
fn service_account(spec: &mut Value) {
    let (new, old) = (spec.text("/serviceAccountName").to_owned(), spec.text("/serviceAccount").to_owned());
    let name = if new.is_empty() { old } else { new };
    if !name.is_empty() {
        spec["serviceAccountName"] = name.clone().into();
        spec["serviceAccount"] = name.into();
    }
}

/// On the host's network a container's port is the host's.
fn host_ports(container: &mut Value) {
    for port in container.each("/ports") {
        if let Some(number) = port.get("containerPort").cloned() {
            port.empty("hostPort", number);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_pod_is_completed() {
        let mut object = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
        pod(&mut object);
        assert_eq!(
            object["spec"],
            json!({
                "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always",
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
            })
        );
        let once = object.clone();
        pod(&mut object);
        assert_eq!(object, once, "defaulting twice changes nothing");
    }

    #[test]
    fn on_the_host_network_a_pods_ports_are_the_hosts_and_a_templates_are_not() {
        let spec = json!({"hostNetwork": true, "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]});
        let mut object = json!({ "spec": spec });
        pod(&mut object);
        assert_eq!(object["spec"]["containers"][0]["ports"][0], json!({"containerPort": 80, "hostPort": 80, "protocol": "TCP"}));
        let mut template = json!({"template": {"spec": spec}});
        pod_template(&mut template);
        assert_eq!(template["template"]["spec"]["containers"][0]["ports"][0], json!({"containerPort": 80, "protocol": "TCP"}));
    }

    #[test]
    fn a_controller_takes_its_selector_and_labels_from_its_template() {
        let mut object = json!({"metadata": {"name": "x"}, "spec": {"template": {"metadata": {"labels": {"app": "x"}}}}});
        replication_controller(&mut object);
        assert_eq!(object["spec"]["selector"], json!({"app": "x"}));
        assert_eq!(object["metadata"]["labels"], json!({"app": "x"}));
        assert_eq!(object["spec"]["replicas"], 1);
    }
}

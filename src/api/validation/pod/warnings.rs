//! What of a pod is allowed but probably not meant.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplate, PodTemplateSpec, ReplicationController};

use crate::api::validation::Path;
use crate::api::validation::format::dns_label;
use crate::api::validation::renamed_label::renamed;
use crate::api::validation::resources::amount;

/// Only of a new pod: it is people who make them, and programs that change them.
pub fn pod_warnings(pod: &Pod, old: Option<&Pod>) -> Vec<String> {
    match (&pod.spec, old) {
        (Some(spec), None) => spec_warnings(spec, &Path::new("spec")),
        _ => Vec::new(),
    }
}

pub fn pod_template_warnings(template: &PodTemplate, old: Option<&PodTemplate>) -> Vec<String> {
    let spec = template.template.as_ref().and_then(|template| template.spec.as_ref());
    match spec {
        Some(spec) if old.is_none_or(|old| old.template != template.template) => spec_warnings(spec, &Path::new("template").child("spec")),
        _ => Vec::new(),
    }
}

pub fn replication_controller_warnings(controller: &ReplicationController, old: Option<&ReplicationController>) -> Vec<String> {
    let spec = controller.spec.as_ref().and_then(|spec| spec.template.as_ref()?.spec.as_ref());
    match spec {
        Some(spec) if old.is_none_or(|old| old.metadata.generation != controller.metadata.generation) => {
            spec_warnings(spec, &Path::new("spec").child("template").child("spec"))
        }
        _ => Vec::new(),
    }
}

/// Of the template within a controller or a job.
pub fn template_warnings(template: &PodTemplateSpec, path: &Path) -> Vec<String> {
    template.spec.as_ref().map_or_else(Vec::new, |spec| spec_warnings(spec, &path.child("spec")))
}

/// Of the name of what names its pods.
pub fn name_warnings(name: Option<&str>) -> Vec<String> {
    let wrong = dns_label(name.unwrap_or_default());
    if wrong.is_empty() {
        return Vec::new();
    }
    let why = "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended";
    vec![format!("metadata.name: {why}: [{}]", wrong.join(" "))]
}

fn spec_warnings(spec: &PodSpec, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    for label in spec.node_selector.iter().flat_map(|selector| selector.keys()) {
        if let Some(why) = renamed(label) {
            warnings.push(format!("{}: {why}", path.child("nodeSelector").key(label)));
        }
    }
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let path = path.child("terminationGracePeriodSeconds");
        warnings.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    let lists = [("initContainers", spec.init_containers.as_deref().unwrap_or_default()), ("containers", spec.containers.as_slice())];
    for (field, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            container_warnings(container, &path.child(field).index(index), &mut warnings);
        }
    }
    warnings
}

fn container_warnings(container: &Container, path: &Path, warnings: &mut Vec<String>) {
    let at = path.child("resources");
    for name in ["memory", "ephemeral-storage"] {
        let (limits, requests) = container.resources.as_ref().map_or((None, None), |one| (one.limits.as_ref(), one.requests.as_ref()));
        for (field, amounts) in [("limits", limits), ("requests", requests)] {
            let amount = amounts.and_then(|amounts| amounts.get(name)).map(amount);
            if let Some(amount) = amount.filter(|amount| amount.milli_value() % 1000 != 0) {
                let path = at.child(field);
                warnings.push(format!("{}: fractional byte value \"{amount}\" is invalid, must be an integer", path.key(name)));
            }
        }
    }
    let variables = container.env.as_deref().unwrap_or_default();
    let at = path.child("env");
    for (index, variable) in variables.iter().enumerate() {
        let hides = variables[..index].iter().any(|other| other.name == variable.name);
        let own = format!("$({})", variable.name);
        let value = variable.value.as_deref().unwrap_or_default();
        if hides && (variable.value_from.is_some() || value == own || !value.contains(&own)) {
            warnings.push(format!(
                "{}: hides previous definition of {:?}, which may be dropped when using apply",
                at.index(index),
                variable.name
            ));
        }
    }
    let ports = container.ports.as_deref().unwrap_or_default();
    let at = path.child("ports");
    for (index, port) in ports.iter().enumerate() {
        let same = |other: &&k8s_openapi::api::core::v1::ContainerPort| {
            (other.container_port, &other.protocol, other.host_port, &other.host_ip)
                == (port.container_port, &port.protocol, port.host_port, &port.host_ip)
        };
        if let Some(first) = ports[..index].iter().position(|other| same(&other)) {
            warnings.push(format!("{}: duplicate port definition with {}", at.index(index), at.index(first)));
        }
    }
}

//! Pods and the templates that they are made from.

mod container;
mod env;
mod handler;
mod mount;
mod network;
mod placement;
mod projected;
mod qos;
mod security;
mod update;
mod volume;
mod warnings;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodResourceClaim, PodSpec, PodTemplate, PodTemplateSpec};

pub use handler::port;
pub use placement::{TAINT_EFFECTS, tolerations};
pub use qos::{qos_class, qos_class_of};
pub use security::struct_of;
pub use update::{ephemeral_containers_update, pod_resize, pod_status_update, pod_update};
pub use warnings::{name_warnings, pod_template_warnings, pod_warnings, replication_controller_warnings, template_warnings};

use super::format::{dns_label, dns_subdomain, qualified_name};
use super::object_meta::{annotations, labels, object_meta, object_meta_update};
use super::words::{one_of, required_one_of};
use super::{ErrorList, NameForm, Path, resources};
use container::Surroundings;

/// What it costs to delete the pod, as against others of its controller (KEP-2255).
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A new pod.
pub fn pod(pod: &Pod) -> ErrorList {
    let mut errors = metadata_and_spec(pod, None);
    let Some(spec) = &pod.spec else { return errors };
    let path = Path::new("spec");
    if spec.ephemeral_containers.as_ref().is_some_and(|containers| !containers.is_empty()) {
        errors.forbidden(&path.child("ephemeralContainers"), "cannot be set on create");
    }
    placement::gated_without_node(spec, &path, &mut errors);
    errors
}

/// What holds for a pod at any time. `old` is what it was before an update: what could not be said then, is not held against it now.
pub fn metadata_and_spec(pod: &Pod, old: Option<&Pod>) -> ErrorList {
    let mut errors = object_meta(&pod.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    if old.is_none_or(|old| deletion_cost(old.metadata.annotations.as_ref()).is_ok()) {
        check_deletion_cost(pod.metadata.annotations.as_ref(), &Path::new("metadata").child("annotations"), &mut errors);
    }
    let path = Path::new("spec");
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    pod_spec(spec, &path, &mut errors);
    if spec.service_account_name.as_deref().unwrap_or_default().is_empty() {
        tokens_without_account(spec, &path, &mut errors);
    }
    let lists = [("containers", spec.containers.as_slice()), ("initContainers", spec.init_containers.as_deref().unwrap_or_default())];
    for (field, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            container::untrimmed_image(container, &path.child(field).index(index), &mut errors);
        }
    }
    errors
}

/// The cost that annotations name, none if they name none; else the text that is no number (KEP-2255: leading pluses and zeros are not
/// allowed).
fn deletion_cost(annotations: Option<&BTreeMap<String, String>>) -> Result<Option<i32>, &str> {
    let Some(text) = annotations.and_then(|annotations| annotations.get(DELETION_COST)) else { return Ok(None) };
    let is_plain = text == "0" || text.starts_with(|first: char| first == '-' || ('1'..='9').contains(&first));
    text.parse().ok().filter(|_| is_plain).map(Some).ok_or(text)
}

fn check_deletion_cost(annotations: Option<&BTreeMap<String, String>>, path: &Path, errors: &mut ErrorList) {
    if let Err(text) = deletion_cost(annotations) {
        errors.invalid(&path.key(DELETION_COST), text, "must be a 32bit integer");
    }
}

fn tokens_without_account(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let at = path.child("volumes");
        let at = at.index(index);
        let at = at.child("projected");
        let sources = volume.projected.iter().flat_map(|volume| volume.sources.iter().flatten());
        for (index, _) in sources.enumerate().filter(|(_, source)| source.service_account_token.is_some()) {
            let why = "must not be specified when serviceAccountName is not set";
            errors.forbidden(&at.child("sources").index(index).child("serviceAccountToken"), why);
        }
    }
}

/// A pod's specification, also within a template.
pub fn pod_spec(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let volumes = volume::volumes(spec.volumes.as_deref().unwrap_or_default(), &path.child("volumes"), errors);
    let claims = resource_claims(spec.resource_claims.as_deref().unwrap_or_default(), &path.child("resourceClaims"), errors);
    let pod = Surroundings { spec, volumes, claims };
    container::containers(&pod, &path.child("containers"), errors);
    container::init_containers(&pod, &path.child("initContainers"), errors);
    container::ephemeral_containers(&pod, &path.child("ephemeralContainers"), errors);
    resources::requirements(spec.resources.as_ref(), &pod.claims, &path.child("resources"), errors);
    network::host_network_ports(spec, path, errors);
    required_one_of(spec.restart_policy.as_deref(), &["Always", "OnFailure", "Never"], &path.child("restartPolicy"), errors);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    required_one_of(spec.dns_policy.as_deref(), &policies, &path.child("dnsPolicy"), errors);
    labels(spec.node_selector.as_ref(), &path.child("nodeSelector"), errors);
    security::pod(spec, &path.child("securityContext"), errors);
    if let Some(affinity) = &spec.affinity {
        placement::affinity(affinity, &path.child("affinity"), errors);
    }
    network::dns_config(spec.dns_config.as_ref(), spec.dns_policy.as_deref().unwrap_or_default(), &path.child("dnsConfig"), errors);
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let at = path.child("readinessGates");
        errors.invalid_each(&at.index(index).child("conditionType"), &gate.condition_type, qualified_name(&gate.condition_type));
    }
    placement::scheduling_gates(spec.scheduling_gates.as_deref().unwrap_or_default(), &path.child("schedulingGates"), errors);
    let constraints = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    placement::topology_spread(constraints, &path.child("topologySpreadConstraints"), errors);
    network::host_users(spec, path, errors);
    names(spec, path, errors);
    placement::tolerations(spec.tolerations.as_deref().unwrap_or_default(), &path.child("tolerations"), errors);
    network::host_aliases(spec.host_aliases.as_deref().unwrap_or_default(), &path.child("hostAliases"), errors);
    classes(spec, path, errors);
    operating_system(spec, path, errors);
}

/// What the pod is called and whom it names.
fn names(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let set = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    for (field, name) in [("serviceAccountName", set(&spec.service_account_name)), ("nodeName", set(&spec.node_name))] {
        if let Some(name) = name {
            errors.invalid_each(&path.child(field), &name, dns_subdomain(&name));
        }
    }
    if let Some(seconds) = spec.active_deadline_seconds.filter(|seconds| !(1..=i64::from(i32::MAX)).contains(seconds)) {
        errors.invalid(&path.child("activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
    }
    for (field, name) in [("hostname", set(&spec.hostname)), ("subdomain", set(&spec.subdomain))] {
        match name {
            Some(name) if field == "subdomain" && name.contains('.') => errors.invalid(&path.child(field), &name, "must not contain dots"),
            Some(name) => errors.invalid_each(&path.child(field), &name, dns_label(&name)),
            None => {}
        }
    }
}

fn classes(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    for (field, name) in [("priorityClassName", &spec.priority_class_name), ("runtimeClassName", &spec.runtime_class_name)] {
        if let Some(name) = name.as_deref().filter(|name| !name.is_empty()) {
            errors.invalid_each(&path.child(field), name, dns_subdomain(name));
        }
    }
    one_of(spec.preemption_policy.as_deref(), &["PreemptLowerPriority", "Never"], &path.child("preemptionPolicy"), errors);
    for (name, text) in spec.overhead.iter().flatten() {
        let at = path.child("overhead");
        let at = at.key(name);
        resources::resource_name(name, &at, errors);
        resources::resource_amount(name, &resources::amount(text), &at, errors);
    }
}

fn operating_system(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    let Some(os) = &spec.os else { return };
    if os.name.is_empty() {
        return errors.required(&path.child("os").child("name"), "cannot be empty");
    }
    one_of(Some(&os.name), &["linux", "windows"], &path.child("os"), errors);
    if os.name == "linux" && spec.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
        errors.forbidden(&path.child("securityContext").child("windowsOptions"), "windows options cannot be set for a linux pod");
    }
}

/// Gives the names of the claims.
fn resource_claims<'a>(claims: &'a [PodResourceClaim], path: &Path, errors: &mut ErrorList) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let at = path.index(index);
        if claim.name.is_empty() {
            errors.required(&at.child("name"), "");
        } else if names.contains(&claim.name.as_str()) {
            errors.duplicate(&at.child("name"), &claim.name);
        } else {
            errors.invalid_each(&at.child("name"), &claim.name, dns_label(&claim.name));
            names.push(claim.name.as_str());
        }
        match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(_), Some(_)) => {
                errors.invalid(&at, struct_of(claim), "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
            }
            (None, None) => errors.invalid(&at, struct_of(claim), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            _ => {}
        }
        for (field, name) in
            [("resourceClaimName", &claim.resource_claim_name), ("resourceClaimTemplateName", &claim.resource_claim_template_name)]
        {
            if let Some(name) = name {
                errors.invalid_each(&at.child(field), name, dns_subdomain(name));
            }
        }
    }
    names
}

/// A template, within a PodTemplate or a controller. Upstream reports wrong labels outside `metadata`.
pub fn template_spec(template: &PodTemplateSpec, path: &Path, errors: &mut ErrorList) {
    template_metadata(template, path, errors);
    let empty = PodSpec::default();
    let spec = template.spec.as_ref().unwrap_or(&empty);
    pod_spec(spec, &path.child("spec"), errors);
    if spec.ephemeral_containers.as_ref().is_some_and(|containers| !containers.is_empty()) {
        errors.forbidden(&path.child("spec").child("ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

pub fn template_metadata(template: &PodTemplateSpec, path: &Path, errors: &mut ErrorList) {
    let metadata = template.metadata.as_ref();
    labels(metadata.and_then(|metadata| metadata.labels.as_ref()), &path.child("labels"), errors);
    annotations(metadata.and_then(|metadata| metadata.annotations.as_ref()), &path.child("annotations"), errors);
    check_deletion_cost(metadata.and_then(|metadata| metadata.annotations.as_ref()), &path.child("annotations"), errors);
}

/// A new PodTemplate.
pub fn pod_template(template: &PodTemplate) -> ErrorList {
    let mut errors = object_meta(&template.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    template_spec(&template.template.clone().unwrap_or_default(), &Path::new("template"), &mut errors);
    errors
}

pub fn pod_template_update(new: &PodTemplate, old: &PodTemplate) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    template_spec(&new.template.clone().unwrap_or_default(), &Path::new("template"), &mut errors);
    errors
}

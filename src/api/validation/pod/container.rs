//! Containers: the pod's own, those of its initialisation, and ephemeral ones.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec};

use super::mount::{volume_devices, volume_mounts};
use super::volume::Volumes;
use super::{env, handler, security};
use crate::api::validation::format::{dns_label, port_name, port_number};
use crate::api::validation::words::{one_of, required_one_of};
use crate::api::validation::{ErrorList, Path, resources};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const NOT_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

/// What of its pod a container is judged by.
pub struct Surroundings<'a> {
    pub spec: &'a PodSpec,
    pub volumes: Volumes<'a>,
    /// The names of the pod's resource claims.
    pub claims: Vec<&'a str>,
}

impl Surroundings<'_> {
    fn grace(&self) -> Option<i64> {
        self.spec.termination_grace_period_seconds
    }
}

pub fn containers(pod: &Surroundings, path: &Path, errors: &mut ErrorList) {
    let containers = &pod.spec.containers;
    if containers.is_empty() {
        return errors.required(path, "");
    }
    for (index, container) in containers.iter().enumerate() {
        let at = path.index(index);
        any_container(container, pod, &at, errors);
        if containers[..index].iter().any(|other| other.name == container.name) {
            errors.duplicate(&at.child("name"), &container.name);
        }
        hooks(container, pod, &at, errors);
        restart_policy(container, &at, errors);
    }
    host_port_conflicts(containers, path, errors);
}

pub fn init_containers(pod: &Surroundings, path: &Path, errors: &mut ErrorList) {
    let containers = pod.spec.init_containers.as_deref().unwrap_or_default();
    for (index, container) in containers.iter().enumerate() {
        let at = path.index(index);
        any_container(container, pod, &at, errors);
        let mut others = pod.spec.containers.iter().chain(&containers[..index]);
        if !container.name.is_empty() && others.any(|other| other.name == container.name) {
            errors.duplicate(&at.child("name"), &container.name);
        }
        host_port_conflicts(std::slice::from_ref(container), path, errors);
        restart_policy(container, &at, errors);
        if container.restart_policy.as_deref() == Some("Always") {
            hooks(container, pod, &at, errors);
            continue;
        }
        for (field, is_set) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if is_set {
                errors.forbidden(&at.child(field), "may not be set for init containers without restartPolicy=Always");
            }
        }
    }
}

pub fn ephemeral_containers(pod: &Surroundings, path: &Path, errors: &mut ErrorList) {
    let containers = pod.spec.ephemeral_containers.as_deref().unwrap_or_default();
    let own: BTreeSet<&str> =
        pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten()).map(|one| one.name.as_str()).collect();
    for (index, ephemeral) in containers.iter().enumerate() {
        let at = path.index(index);
        let container = as_container(ephemeral);
        any_container(&container, pod, &at, errors);
        untrimmed_image(&container, &at, errors);
        if own.contains(ephemeral.name.as_str()) || containers[..index].iter().any(|other| other.name == ephemeral.name) {
            errors.duplicate(&at.child("name"), &ephemeral.name);
        }
        if let Some(target) = ephemeral.target_container_name.as_deref().filter(|target| !target.is_empty() && !own.contains(target)) {
            errors.not_found(&at.child("targetContainerName"), target, "");
        }
        only_for_lasting_containers(ephemeral, &at, errors);
    }
}

/// Nothing that a pod's purpose could come to rely on.
fn only_for_lasting_containers(container: &EphemeralContainer, path: &Path, errors: &mut ErrorList) {
    let resources = container.resources.as_ref();
    for (field, is_set) in [
        ("ports", container.ports.as_ref().is_some_and(|ports| !ports.is_empty())),
        ("resources", resources.is_some_and(|resources| *resources != Default::default())),
        ("resizePolicy", container.resize_policy.as_ref().is_some_and(|policies| !policies.is_empty())),
        ("restartPolicy", container.restart_policy.is_some()),
        ("restartPolicyRules", container.restart_policy_rules.as_ref().is_some_and(|rules| !rules.is_empty())),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("lifecycle", container.lifecycle.is_some()),
    ] {
        if is_set {
            errors.forbidden(&path.child(field), NOT_EPHEMERAL);
        }
    }
    let mounts = path.child("volumeMounts");
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        for (field, value) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
            if value.as_deref().is_some_and(|value| !value.is_empty()) {
                errors.forbidden(&mounts.index(index).child(field), NOT_EPHEMERAL);
            }
        }
    }
}

/// The fields that both have.
fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let ephemeral = ephemeral.clone();
    Container {
        args: ephemeral.args,
        command: ephemeral.command,
        env: ephemeral.env,
        env_from: ephemeral.env_from,
        image: ephemeral.image,
        image_pull_policy: ephemeral.image_pull_policy,
        name: ephemeral.name,
        security_context: ephemeral.security_context,
        termination_message_path: ephemeral.termination_message_path,
        termination_message_policy: ephemeral.termination_message_policy,
        volume_devices: ephemeral.volume_devices,
        volume_mounts: ephemeral.volume_mounts,
        working_dir: ephemeral.working_dir,
        ..Container::default()
    }
}

/// What holds for every container.
fn any_container(container: &Container, pod: &Surroundings, path: &Path, errors: &mut ErrorList) {
    match container.name.as_str() {
        "" => errors.required(&path.child("name"), ""),
        name => errors.invalid_each(&path.child("name"), name, dns_label(name)),
    }
    if container.image.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("image"), "");
    }
    let message_policies = ["File", "FallbackToLogsOnError"];
    required_one_of(container.termination_message_policy.as_deref(), &message_policies, &path.child("terminationMessagePolicy"), errors);
    ports(container.ports.as_deref().unwrap_or_default(), &path.child("ports"), errors);
    env::env(container.env.as_deref().unwrap_or_default(), &path.child("env"), errors);
    env::env_from(container.env_from.as_deref().unwrap_or_default(), &path.child("envFrom"), errors);
    volume_mounts(container, &pod.volumes, &path.child("volumeMounts"), errors);
    volume_devices(container, &pod.volumes, &path.child("volumeDevices"), errors);
    required_one_of(container.image_pull_policy.as_deref(), &["Always", "IfNotPresent", "Never"], &path.child("imagePullPolicy"), errors);
    resources::requirements(container.resources.as_ref(), &pod.claims, &path.child("resources"), errors);
    let never_restarts = pod.spec.restart_policy.as_deref() == Some("Never");
    resize_policies(container.resize_policy.as_deref().unwrap_or_default(), never_restarts, &path.child("resizePolicy"), errors);
    security::container(container.security_context.as_ref(), pod.spec.host_users != Some(false), &path.child("securityContext"), errors);
}

/// An image's name must stand as it is; a template's is not looked at so closely.
pub fn untrimmed_image(container: &Container, path: &Path, errors: &mut ErrorList) {
    if let Some(image) = container.image.as_deref().filter(|image| image.trim() != *image) {
        errors.invalid(&path.child("image"), image, "must not have leading or trailing whitespace");
    }
}

/// What containers have that last as long as their pod.
fn hooks(container: &Container, pod: &Surroundings, path: &Path, errors: &mut ErrorList) {
    let grace = pod.grace();
    handler::lifecycle(container.lifecycle.as_ref(), grace, &path.child("lifecycle"), errors);
    handler::restarting_probe(container.liveness_probe.as_ref(), grace, &path.child("livenessProbe"), errors);
    handler::readiness_probe(container.readiness_probe.as_ref(), grace, &path.child("readinessProbe"), errors);
    handler::restarting_probe(container.startup_probe.as_ref(), grace, &path.child("startupProbe"), errors);
}

fn restart_policy(container: &Container, path: &Path, errors: &mut ErrorList) {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    if container.restart_policy.is_none() && !rules.is_empty() {
        errors.required(&path.child("restartPolicy"), "must specify restartPolicy when restart rules are used");
    }
    one_of(container.restart_policy.as_deref(), &RESTART_POLICIES, &path.child("restartPolicy"), errors);
    for (index, rule) in rules.iter().enumerate() {
        let at = path.child("restartPolicyRules");
        let at = at.index(index);
        required_one_of(Some(&rule.action), &["Restart"], &at.child("action"), errors);
        match &rule.exit_codes {
            None => errors.required(&at.child("exitCodes"), "must be specified"),
            Some(codes) => required_one_of(Some(&codes.operator), &["In", "NotIn"], &at.child("exitCodes").child("operator"), errors),
        }
    }
}

fn ports(ports: &[ContainerPort], path: &Path, errors: &mut ErrorList) {
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = path.index(index);
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let wrong = port_name(name);
            if wrong.is_empty() && !names.insert(name) {
                errors.duplicate(&at.child("name"), name);
            }
            errors.invalid_each(&at.child("name"), name, wrong);
        }
        if port.container_port == 0 {
            errors.required(&at.child("containerPort"), "");
        } else if let Some(why) = port_number(port.container_port) {
            errors.invalid(&at.child("containerPort"), port.container_port, why);
        }
        if let Some(number) = port.host_port.filter(|number| *number != 0)
            && let Some(why) = port_number(number)
        {
            errors.invalid(&at.child("hostPort"), number, why);
        }
        required_one_of(port.protocol.as_deref(), &PROTOCOLS, &at.child("protocol"), errors);
    }
}

/// A port of the host can be taken once.
fn host_port_conflicts(containers: &[Container], path: &Path, errors: &mut ErrorList) {
    let mut taken = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let at = path.index(index);
        let at = at.child("ports");
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let Some(number) = port.host_port.filter(|number| *number != 0) else { continue };
            let name = format!("{}/{}/{number}", port.protocol.as_deref().unwrap_or_default(), port.host_ip.as_deref().unwrap_or_default());
            if taken.contains(&name) {
                errors.duplicate(&at.index(index).child("hostPort"), &name);
            }
            taken.insert(name);
        }
    }
}

fn resize_policies(policies: &[ContainerResizePolicy], never_restarts: bool, path: &Path, errors: &mut ErrorList) {
    for (index, policy) in policies.iter().enumerate() {
        if policies[..index].iter().any(|other| other.resource_name == policy.resource_name) {
            errors.duplicate(&path.index(index), &policy.resource_name);
        }
        required_one_of(Some(&policy.resource_name), &["cpu", "memory"], path, errors);
        required_one_of(Some(&policy.restart_policy), &["NotRequired", "RestartContainer"], path, errors);
        if never_restarts && policy.restart_policy != "NotRequired" {
            errors.invalid(path, &policy.restart_policy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
        }
    }
}

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, VolumeMount};

use super::{CONTAINER_NAME, NodeFacts, expand, pod_labels, resources, security};
use crate::actors::kubelet::lifecycle::{Member, RESTART_DELAY};
use crate::runtime::containers::{ContainerId, ContainerSpec, LogLimits, Mount, Propagation};

/// What had to be prepared for a container.
pub struct Parts {
    pub env: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    pub attempt: u32,
    pub restart_delay: Duration,
    pub processes_of: Option<ContainerId>,
}

/// A container of a pod.
pub fn container_spec(pod: &Pod, member: &Member, parts: Parts, node: NodeFacts) -> ContainerSpec {
    let spec = &member.spec;
    let variables: BTreeMap<&str, &str> = parts.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expanded = |list: &Option<Vec<String>>| -> Vec<String> {
        let value = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        list.iter().flatten().map(|text| expand(text, value)).collect()
    };
    let (command, args) = (expanded(&spec.command), expanded(&spec.args));
    let mut labels = pod_labels(pod, node.name);
    labels.insert(CONTAINER_NAME.to_owned(), member.name().to_owned());
    let annotations = [(RESTART_DELAY.to_owned(), parts.restart_delay.as_secs().to_string())].into();
    ContainerSpec {
        name: member.name().to_owned(),
        attempt: parts.attempt,
        image: spec.image.clone().unwrap_or_default(),
        command,
        args,
        working_dir: spec.working_dir.clone().filter(|dir| !dir.is_empty()),
        mounts: parts.mounts,
        resources: resources::resources(pod, spec, node.info.memory_bytes),
        security: security::security(pod, spec),
        tty: spec.tty == Some(true),
        stdin: spec.stdin == Some(true),
        stdin_once: spec.stdin_once == Some(true),
        stop_signal: spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.clone()),
        log: LogLimits::default(),
        labels,
        annotations,
        env: parts.env,
        processes_of: parts.processes_of,
    }
}

/// A mount of a volume, or of a place within it.
pub fn mount(source: PathBuf, mount: &VolumeMount) -> Mount {
    let propagation = match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => Propagation::HostToContainer,
        Some("Bidirectional") => Propagation::Bidirectional,
        _ => Propagation::Private,
    };
    Mount { source, target: mount.mount_path.clone(), read_only: mount.read_only == Some(true), propagation }
}

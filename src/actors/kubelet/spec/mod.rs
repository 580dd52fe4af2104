//! What a pod's spec means to the container runtime. All of it is pure.

mod container;
mod dns;
mod downward;
mod env;
mod expansion;
mod hosts;
mod resources;
mod sandbox;
mod security;

pub use container::{Parts, container_spec, mount};
pub use dns::dns;
pub use downward::{field, resource_field};
pub use env::{ServiceVariables, Sources, environment};
pub use expansion::expand;
pub use hosts::hosts;
pub use resources::pod_requests;
pub use sandbox::{host_ports, hostname, is_host_network, sandbox_spec};
pub use security::{fs_group, runs_as_root};

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::runtime::containers::{Labels, RuntimeInfo};

/// What a pod's spec cannot know of its node.
#[derive(Clone, Copy)]
pub struct NodeFacts<'a> {
    pub name: &'a str,
    pub ips: &'a [IpAddr],
    pub cluster_dns: Option<IpAddr>,
    pub cluster_domain: &'a str,
    pub info: &'a RuntimeInfo,
}

pub const POD_NAME: &str = "io.kubernetes.pod.name";
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub const POD_UID: &str = "io.kubernetes.pod.uid";
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// The node whose kubelet made a sandbox or container. No kubelet touches what does not carry its name.
pub const NODE: &str = "kabuki.dev/node";

/// By which a pod's sandboxes and containers are found again.
pub fn pod_labels(pod: &Pod, node: &str) -> Labels {
    let metadata = &pod.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let own = [(POD_NAME, &metadata.name), (POD_NAMESPACE, &metadata.namespace), (POD_UID, &metadata.uid)];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), text(value)));
    own.chain([(NODE.to_owned(), node.to_owned())]).collect()
}

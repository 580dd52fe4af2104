//! What controllers want to know of a pod.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::api::object::Object;

/// A projection of a pod: parsed once for each version of it, and kept with the informer's entry.
#[derive(Debug)]
pub struct PodView {
    pub object: Object,
    pub spec: Spec,
    pub status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    pub node_name: String,
    pub hostname: String,
    pub subdomain: String,
    pub restart_policy: String,
    pub containers: Vec<Container>,
    pub init_containers: Vec<Container>,
    pub tolerations: Vec<Toleration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    pub restart_policy: String,
    pub ports: Vec<ContainerPort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    pub name: String,
    pub container_port: i32,
    pub protocol: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Toleration {
    pub key: String,
    pub operator: String,
    pub value: String,
    pub effect: String,
    pub toleration_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    pub phase: String,
    pub reason: String,
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    pub conditions: Vec<Condition>,
    pub container_statuses: Vec<ContainerStatus>,
    pub init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodIp {
    pub ip: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub last_transition_time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    pub restart_count: i32,
}

impl From<&Object> for PodView {
    fn from(object: &Object) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Pod {
            spec: Spec,
            status: PodStatus,
        }
        let Pod { spec, status } = object.parse().unwrap_or_else(|error| {
            tracing::error!(pod = object.name(), %error, "a stored pod cannot be parsed");
            Pod::default()
        });
        Self { object: object.clone(), spec, status }
    }
}

impl PodView {
    /// All containers have ended, and none will run again.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    pub fn is_deleting(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }

    /// It counts as a replica.
    pub fn is_active(&self) -> bool {
        !self.is_finished() && !self.is_deleting()
    }

    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready.status == "True")
    }

    /// Since when it has been ready, if it is; the outer `None` if it is not.
    pub fn ready_since(&self) -> Option<Option<Timestamp>> {
        self.condition("Ready").filter(|ready| ready.status == "True").map(|ready| ready.last_transition_time)
    }

    /// When it has been, or will have been, ready for so many seconds; `None` if it is not ready.
    pub fn available_at(&self, min_ready_seconds: i32) -> Option<Timestamp> {
        let since = self.ready_since()?;
        if min_ready_seconds == 0 {
            return Some(Timestamp::MIN);
        }
        since?.checked_add(SignedDuration::from_secs(min_ready_seconds.into())).ok()
    }

    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Its addresses, the first one's family first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.status.pod_ips.iter().filter_map(|address| address.ip.parse().ok())
    }

    /// The number of a container port by its name and protocol. Sidecars count, other init containers do not.
    pub fn named_port(&self, name: &str, protocol: &str) -> Option<i32> {
        let sidecars = self.spec.init_containers.iter().filter(|container| container.restart_policy == "Always");
        let mut ports = self.spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
        ports.find(|port| port.name == name && port.protocol == protocol).map(|port| port.container_port)
    }
}

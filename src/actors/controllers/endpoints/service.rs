//! What the endpoint controllers want to know of a service, and which pods belong to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use crate::actors::controllers::pod::PodView;
use crate::actors::informer::{Delta, InformerHandle, ObjectKey, View};
use crate::api::object::Object;
use crate::runtime::flaw::{Flaw, planted};

/// Marks what belongs to a service without a cluster IP.
pub const HEADLESS: &str = "service.kubernetes.io/headless";
/// On endpoints and slices: when what they reflect changed last (SIG Scalability's network programming latency SLI).
pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// A projection of a service.
#[derive(Debug)]
pub struct ServiceView {
    pub object: Object,
    pub spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    pub selector: BTreeMap<String, String>,
    pub ports: Vec<v1::ServicePort>,
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    pub ip_families: Vec<String>,
    pub publish_not_ready_addresses: bool,
    #[serde(rename = "type")]
    pub kind: String,
}

impl From<&Object> for ServiceView {
    fn from(object: &Object) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Service {
            spec: ServiceSpec,
        }
        let Service { spec } = object.parse().unwrap_or_else(|error| {
            tracing::error!(service = object.name(), %error, "a stored service cannot be parsed");
            Service::default()
        });
        Self { object: object.clone(), spec }
    }
}

impl ServiceView {
    /// Its endpoints are the pods it selects; others are managed by hand.
    pub fn selects(&self) -> bool {
        !self.spec.selector.is_empty() && self.spec.kind != "ExternalName"
    }

    pub fn has_cluster_ip(&self) -> bool {
        !matches!(self.spec.cluster_ip.as_str(), "" | "None")
    }

    /// A headless service may have no ports; then its endpoints have none either.
    pub fn is_portless(&self) -> bool {
        self.spec.ports.is_empty() && self.spec.cluster_ip == "None"
    }

    /// The families of the addresses that count, the first one first: `IPv4`, `IPv6`.
    pub fn families(&self) -> Vec<&str> {
        if self.spec.ip_families.is_empty() { vec!["IPv4"] } else { self.spec.ip_families.iter().map(String::as_str).collect() }
    }

    /// The pods it selects, by name.
    pub fn pods(&self, view: &View) -> Vec<Arc<PodView>> {
        let Some((key, value)) = self.spec.selector.first_key_value() else { return Vec::new() };
        let candidates = view.by_label(self.object.namespace(), key, value);
        candidates.filter(|pod| self.matches(pod)).map(|pod| pod.project::<PodView>()).collect()
    }

    /// The port of a pod that a service port leads to, if the pod has it.
    pub fn target(&self, port: &v1::ServicePort, pod: &PodView) -> Option<i32> {
        match &port.target_port {
            Some(IntOrString::Int(number)) => Some(*number),
            Some(IntOrString::String(name)) => pod.named_port(name, port.protocol.as_deref().unwrap_or("TCP")),
            None => Some(port.port),
        }
    }

    /// The name under which DNS is to find the pod below the service.
    pub fn hostname<'a>(&self, pod: &'a PodView) -> Option<&'a str> {
        (!pod.spec.hostname.is_empty() && pod.spec.subdomain == self.object.name()).then_some(pod.spec.hostname.as_str())
    }

    /// The newest of what its endpoints reflect: a pod that became ready or unready, or the service itself.
    pub fn last_change(&self, pods: &[Arc<PodView>]) -> Option<String> {
        let changes = pods.iter().filter_map(|pod| pod.condition("Ready")?.last_transition_time);
        changes.chain(self.object.meta().creation_timestamp).max().map(|time| time.to_string())
    }

    fn matches(&self, pod: &Object) -> bool {
        self.selects() && self.spec.selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
    }
}

/// The family of an address, as services name it.
pub fn family(address: &IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// Whether a pod has an address and containers that run or may run yet.
pub fn can_be_endpoint(pod: &PodView) -> bool {
    !pod.is_finished() && !pod.status.pod_ips.is_empty()
}

/// The services whose endpoints a change of a pod can change.
pub fn concerned(services: &InformerHandle, delta: &Delta) -> Vec<ObjectKey> {
    if let (Some(old), Some(new)) = (&delta.old, &delta.new)
        && Aspect::of(&old.project()) == Aspect::of(&new.project())
    {
        return Vec::new();
    }
    let view = services.view();
    let concerned = [&delta.old, &delta.new].into_iter().flatten().flat_map(|pod| {
        let matching = view.that_may_select(pod).filter(|service| service.project::<ServiceView>().matches(pod));
        matching.map(|service| ObjectKey::from(&**service))
    });
    let concerned: BTreeSet<ObjectKey> = concerned.collect();
    concerned.into_iter().collect()
}

/// All of a pod that endpoints reflect. A heartbeat or a restart count is not in it.
#[derive(PartialEq)]
struct Aspect {
    uid: String,
    labels: BTreeMap<String, String>,
    addresses: Vec<IpAddr>,
    node: String,
    hostname: (String, String),
    ready: bool,
    deleting: bool,
    finished: bool,
}

impl Aspect {
    fn of(pod: &PodView) -> Self {
        Self {
            uid: pod.object.uid().to_owned(),
            labels: pod.object.labels().clone(),
            addresses: pod.addresses().collect(),
            node: pod.spec.node_name.clone(),
            hostname: (pod.spec.hostname.clone(), pod.spec.subdomain.clone()),
            ready: pod.is_ready() && !planted(Flaw::EndpointsIgnoreReadiness),
            deleting: pod.is_deleting(),
            finished: pod.is_finished(),
        }
    }
}

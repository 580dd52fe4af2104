//! What everything on a node works with.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;

use super::dial::{Dial, SimulatedDial};
use super::files::{NodeFiles, SimulatedFiles};
use super::spec::{NodeFacts, ServiceVariables};
use crate::actors::events::Recorder;
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::ClientRef;
use crate::api::quantity::Quantity;
use crate::runtime::containers::simulated::{Profile, Simulated};
use crate::runtime::containers::{ContainerRuntime, RuntimeInfo};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::recording::{Findings, Unrecorded};

/// What a node is to be.
#[derive(Clone, Debug)]
pub struct Options {
    pub node_name: String,
    /// The preferred family first.
    pub node_ips: Vec<IpAddr>,
    /// The range of its pods' addresses, if it is not for the control plane to choose one (`spec.podCIDR`).
    pub pod_range: Option<Cidr>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub max_pods: u32,
    /// What there is, if that is not what the container runtime says.
    pub resources: Option<Resources>,
    /// The name server of pods whose DNS policy is `ClusterFirst`.
    pub cluster_dns: Option<IpAddr>,
    pub cluster_domain: String,
    /// The port at which the node serves its pods' logs and streams; 0 if it is reached otherwise.
    pub port: u16,
}

impl Options {
    /// A node with upstream's defaults.
    pub fn new(node_name: impl Into<String>, node_ip: IpAddr) -> Self {
        Self {
            node_name: node_name.into(),
            node_ips: vec![node_ip],
            pod_range: None,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            max_pods: 110,
            resources: None,
            cluster_dns: None,
            cluster_domain: String::from("cluster.local"),
            port: 0,
        }
    }
}

/// What a node has and what of it pods may take: quantities by the names of resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    pub capacity: BTreeMap<String, Quantity>,
    pub allocatable: BTreeMap<String, Quantity>,
}

/// The outside world of a node: each part has a simulated twin.
#[derive(Clone)]
pub struct Machine {
    pub runtime: Arc<dyn ContainerRuntime>,
    pub files: Arc<dyn NodeFiles>,
    pub dial: Arc<dyn Dial>,
    /// Sees what probes and hooks find, and may know it beforehand.
    pub findings: Arc<dyn Findings>,
}

impl Machine {
    /// A machine that runs nothing: simulated all through. With it comes its runtime, to be meddled with.
    pub fn simulated(profile: Profile, pods: Cidr, entropy: Entropy) -> (Self, Simulated) {
        let runtime = Simulated::new(profile, pods, entropy);
        let dial = Arc::new(SimulatedDial(runtime.clone()));
        let findings = Arc::new(Unrecorded);
        (Self { runtime: Arc::new(runtime.clone()), files: Arc::new(SimulatedFiles), dial, findings }, runtime)
    }
}

/// What everything on a node shares.
pub struct Context {
    pub options: Options,
    pub machine: Machine,
    pub client: ClientRef,
    pub events: Recorder,
    pub services: InformerHandle,
    /// What the runtime said of itself at the start.
    pub info: RuntimeInfo,
}

impl Context {
    /// What pods may learn of their node.
    pub fn facts(&self) -> NodeFacts<'_> {
        NodeFacts {
            name: &self.options.node_name,
            ips: &self.options.node_ips,
            cluster_dns: self.options.cluster_dns,
            cluster_domain: &self.options.cluster_domain,
            info: &self.info,
        }
    }

    /// The variables that tell a pod of the API's service and, if it wants them, of those of its namespace.
    pub fn service_variables(&self, namespace: &str, wants_links: bool) -> Vec<(String, String)> {
        let view = self.services.view();
        let api = view.get(&ObjectKey::new("default", "kubernetes"));
        let own = view.namespace(namespace).filter(|service| wants_links && !(namespace == "default" && service.name() == "kubernetes"));
        api.into_iter().chain(own).flat_map(|service| service.project::<ServiceVariables>().0.clone()).collect()
    }
}

//! The nodes of a cluster in one process: this machine, by Docker, or any number of simulated ones.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::{Runtime, Up};
use crate::actors::informer::Informers;
use crate::actors::kubelet::{self, HostFiles, Machine, Options, PodRouter, Tcp};
use crate::api::client::ClientRef;
use crate::api::streams::NodeDirectory;
use crate::commands::{Failure, docker_socket};
use crate::runtime::containers::docker::{Docker, DockerOptions};
use crate::runtime::containers::simulated::Profile;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{Cidr, PodNetwork, RoutedNetwork};
use crate::runtime::recording::{NodeRecord, Record, RecordedRuntime, Recorder, Unrecorded};
use crate::runtime::supervision::Supervisor;

/// What nodes are started with.
pub struct Ground<'a> {
    pub root: &'a Supervisor,
    pub informers: &'a Informers,
    /// The client of a node, by its user name.
    pub client: &'a dyn Fn(&str) -> ClientRef,
    pub directory: &'a NodeDirectory,
    pub entropy: &'a Entropy,
    pub recorder: &'a Recorder,
    /// Where this machine keeps what its pods are given.
    pub data: &'a Path,
    /// The name that sets this cluster's containers, links and rules apart.
    pub cluster: &'a str,
}

/// What there is now.
pub struct Nodes {
    /// One line for people: what runs the containers.
    pub description: String,
    /// This machine's node, if it is one.
    pub host: Option<Host>,
}

/// This machine as a node.
pub struct Host {
    pub name: String,
    pub address: IpAddr,
    /// Pods have a network of Kabuki's own.
    pub routed: bool,
}

/// Chooses what runs the containers, and starts the nodes.
///
/// # Errors
/// Docker was asked for and does not answer, or the range of pods is too small for so many nodes.
pub async fn start(options: &Up, ground: &Ground<'_>) -> Result<Nodes, Failure> {
    if options.nodes == Some(0) {
        return Ok(Nodes { description: "no nodes: pods stay pending".into(), host: None });
    }
    let pods = PodRouter::start(ground.root, ground.informers.typed::<Pod>());
    if options.runtime != Runtime::Simulated && options.nodes.is_none_or(|nodes| nodes == 1) {
        match real(options, ground, &pods).await {
            Ok(nodes) => return Ok(nodes),
            Err(failure) if options.runtime == Runtime::Docker => return Err(failure),
            Err(failure) => eprintln!("{failure}; containers are simulated: they run nothing"),
        }
    }
    simulated(options, ground, &pods).await
}

async fn real(options: &Up, ground: &Ground<'_>, pods: &PodRouter) -> Result<Nodes, Failure> {
    let (name, address) = (host_name(), host_address());
    let network = match RoutedNetwork::is_permitted() {
        true => {
            let open = RoutedNetwork::open(ground.cluster, vec![options.pod_cidr, options.service_cidr]).await;
            Some(Arc::new(open.map_err(|error| format!("the pod network cannot be made: {error}"))?) as Arc<dyn PodNetwork>)
        }
        false => {
            eprintln!("without CAP_NET_ADMIN and CAP_SYS_ADMIN pods use Docker's bridge: cluster IPs and --pod-cidr are not served");
            None
        }
    };
    let routed = network.is_some();
    let socket = docker_socket()?;
    let docker = DockerOptions { socket, cluster: ground.cluster.into(), node: name.clone(), network };
    let docker = Docker::connect(docker).await?;
    let files = Arc::new(HostFiles::new(ground.data.join("kubelet")));
    let machine = Machine { runtime: Arc::new(docker), files, dial: Arc::new(Tcp), findings: Arc::new(Unrecorded) };
    let info = machine.runtime.info().await?;
    let range = node_range(options.pod_cidr, 0, 1)?;
    run(options, ground, pods, machine, Options { pod_range: Some(range), ..Options::new(name.clone(), address) }).await?;
    let description = format!("containers run on {} {}, on the node {name}", info.name, info.version);
    Ok(Nodes { description, host: Some(Host { name, address, routed }) })
}

async fn simulated(options: &Up, ground: &Ground<'_>, pods: &PodRouter) -> Result<Nodes, Failure> {
    let count = options.nodes.unwrap_or(1);
    for index in 0..count {
        let name = format!("node-{index}");
        let range = node_range(options.pod_cidr, index, count)?;
        let (machine, _) = Machine::simulated(Profile::default(), range, ground.entropy.split(&name));
        let address = IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + index));
        run(options, ground, pods, machine, Options { pod_range: Some(range), ..Options::new(name, address) }).await?;
    }
    let plural = if count == 1 { "" } else { "s" };
    Ok(Nodes { description: format!("containers are simulated, on {count} node{plural}"), host: None })
}

async fn run(options: &Up, ground: &Ground<'_>, pods: &PodRouter, machine: Machine, node: Options) -> Result<(), Failure> {
    let client = (ground.client)(&format!("system:node:{}", node.node_name));
    let node = Options { cluster_dns: options.service_cidr.nth(10), labels: BTreeMap::new(), ..node };
    let machine = if ground.recorder.is_on() { recorded(ground.recorder, machine, &node).await? } else { machine };
    let handle = kubelet::start(ground.root, client, ground.informers, pods, machine, ground.entropy, node);
    ground.directory.register(&handle.node_name, handle.streams);
    Ok(())
}

/// A machine whose containers are recorded, with what there is of them already.
async fn recorded(recorder: &Recorder, machine: Machine, node: &Options) -> Result<Machine, Failure> {
    let info = machine.runtime.info().await?;
    recorder.write(|| {
        Record::Node(NodeRecord {
            name: node.node_name.clone(),
            addresses: node.node_ips.clone(),
            pod_range: node.pod_range.map(|range| range.to_string()),
            labels: node.labels.clone(),
            cluster_dns: node.cluster_dns,
            runtime: info.name,
            version: info.version,
            kernel: info.kernel,
            operating_system: info.operating_system,
            architecture: info.architecture,
            cpus: info.cpus,
            memory_bytes: info.memory_bytes,
            storage_bytes: info.storage_bytes,
        })
    });
    let runtime = Arc::new(RecordedRuntime::new(machine.runtime.clone(), &node.node_name, recorder.clone()));
    runtime.look().await?;
    Ok(Machine { runtime: runtime.clone(), findings: runtime, ..machine })
}

/// The share of one of several nodes in the range of all pods.
fn node_range(all: Cidr, index: u32, nodes: u32) -> Result<Cidr, Failure> {
    all.share(index, nodes)
        .ok_or_else(|| format!("--pod-cidr {all} is too small for {nodes} nodes: each needs at least 16 addresses").into())
}

/// This machine's name as a node: lower case, as Kubernetes wants it.
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into()).to_lowercase()
}

/// The address by which this machine reaches others; nothing is sent to find it out.
pub fn host_address() -> IpAddr {
    let by_route = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // An address for documentation (RFC 5737): a route to it is the default route.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    by_route().map_or(Ipv4Addr::LOCALHOST.into(), |address: std::net::SocketAddr| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(all: &str, index: u32, nodes: u32) -> Result<String, String> {
        node_range(all.parse().unwrap(), index, nodes).map(|range| range.to_string()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn nodes_share_the_range_of_pods() {
        assert_eq!(range("10.244.0.0/16", 0, 1).unwrap(), "10.244.0.0/24");
        assert_eq!(range("10.244.0.0/16", 99, 100).unwrap(), "10.244.99.0/24");
        assert_eq!(range("10.244.0.0/16", 3, 1000).unwrap(), "10.244.0.192/26");
        assert_eq!(range("10.244.0.0/26", 0, 1).unwrap(), "10.244.0.0/26");
        assert!(range("10.244.0.0/24", 0, 1000).unwrap_err().contains("too small for 1000 nodes"));
    }
}

//! A cluster in simulated time.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::journal::Journal;
use crate::actors::control_plane::{Clients, ControlPlane};
use crate::actors::controllers;
use crate::actors::kubelet::{self, Machine, Options, PodRouter};
use crate::actors::proxy::{self, Proxy};
use crate::api::bootstrap::bootstrap;
use crate::api::client::ClientRef;
use crate::api::tokens::Tokens;
use crate::api::verbs::{Api, LocalClient, Settings, User};
use crate::runtime::clock;
use crate::runtime::containers::simulated::{Profile, Simulated};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::store::LocalStore;
use crate::runtime::supervision::{Strategy, Supervisor, SupervisorSpec};

/// When every run begins.
const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// Where the API would listen if there were sockets.
const API_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 6443);

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Of all chance in the run.
    pub seed: u64,
    pub nodes: u32,
    /// How the containers of all nodes behave.
    pub containers: Profile,
    /// The addresses of all pods.
    pub pod_range: Cidr,
}

impl Setup {
    pub fn new(seed: u64, nodes: u32) -> Self {
        let pod_range = Cidr::new(Ipv4Addr::new(10, 244, 0, 0).into(), 16).expect("IPv4 addresses have prefixes of 16 bits");
        Self { seed, nodes, containers: Profile::default(), pod_range }
    }
}

/// A cluster whose whole cast runs on this thread.
pub struct Cluster {
    pub root: Supervisor,
    /// The administrator's.
    pub client: ClientRef,
    pub nodes: Vec<Node>,
    pub proxy: Proxy,
    pub journal: Journal,
    /// For the story: its chance is a stream of the run's own.
    pub entropy: Entropy,
}

/// A simulated machine.
pub struct Node {
    pub name: String,
    pub runtime: Simulated,
}

/// Tells a story in a cluster that has just been founded, in simulated time. Blocks until the story has ended, and returns what it returns
/// with the journal of all that was committed meanwhile. The same setup and story give the same journal.
///
/// # Panics
/// The story did, or there are more nodes than the range of pods has room for.
pub fn run<T, F: Future<Output = T>>(setup: Setup, story: impl FnOnce(Cluster) -> F) -> (T, Journal) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("the system has what a runtime needs")
    };
    actix_rt::System::with_tokio_rt(runtime).block_on(async move {
        let _simulated = clock::simulate(EPOCH);
        let cluster = Cluster::start(setup).await;
        let (root, journal) = (cluster.root.clone(), cluster.journal.clone());
        let outcome = story(cluster).await;
        root.stop().await;
        (outcome, journal)
    })
}

impl Cluster {
    async fn start(setup: Setup) -> Self {
        let entropy = Entropy::from_seed(setup.seed);
        let spec = SupervisorSpec::new(Strategy::OneForOne).entropy(entropy.split("supervision")).single_threaded();
        let root = Supervisor::root(spec);
        let journal = Journal::default();
        let store = journal.of(Arc::new(LocalStore::in_memory(&root.supervisor("store", Strategy::OneForOne))));
        let settings = Settings { tokens: Some(Arc::new(Tokens::ephemeral())), ..Settings::default() };
        let api = Api::new(Arc::new(store), entropy.split("api"), settings);
        bootstrap(&api, API_SERVER).await.expect("an empty store in memory takes every write");
        let clients = Clients { of: |user: &str| Arc::new(LocalClient::new(api.clone(), User::master(user))) as ClientRef };
        let control_plane = ControlPlane::start(&root, &clients, &entropy, &controllers::Options::new("simulated authority"));
        let pods = PodRouter::start(&root, control_plane.informers.typed::<Pod>());
        let start_node = |index: u32| {
            let name = format!("node-{index}");
            let range = setup.pod_range.share(index, setup.nodes).expect("the range of pods has room for every node");
            let (machine, runtime) = Machine::simulated(setup.containers.clone(), range, entropy.split(&name));
            let address = IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + index));
            let options = Options { pod_range: Some(range), ..Options::new(name.clone(), address) };
            let client = (clients.of)(&format!("system:node:{name}"));
            kubelet::start(&root, client, &control_plane.informers, &pods, machine, &entropy, options);
            Node { name, runtime }
        };
        let nodes = (0..setup.nodes).map(start_node).collect();
        let options = proxy::Options { node: proxy::Node::default(), network: None };
        let proxy = proxy::start(&root.supervisor("proxy", Strategy::OneForOne), &control_plane.informers, &entropy, options);
        Self { client: (clients.of)("kubernetes-admin"), root, nodes, proxy, journal, entropy: entropy.split("story") }
    }

    /// Time goes by; the cast acts meanwhile.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

//! One life of the program that runs the whole cast. It can be killed between any two steps of any of its tasks, as by SIGKILL: nothing in
//! it is told, and what it had not yet written is lost.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio_util::task::AbortOnDropHandle;

use super::disk::Disk;
use super::export::Export;
use super::journal::{Event, Journal};
use super::machines::{Machine, Machines};
use super::network::Network;
use super::planes::Planes;
use super::replay::Plot;
use crate::actors::control_plane;
use crate::actors::controllers;
use crate::actors::dns;
use crate::actors::informer::Informers;
use crate::actors::kubelet::{self, PodRouter};
use crate::actors::leader::Leadership;
use crate::actors::proxy::{self, Proxy};
use crate::actors::scheduler::Diagnoses;
use crate::api::bootstrap::bootstrap;
use crate::api::client::ClientRef;
use crate::api::object::Object;
use crate::api::streams::NodeDirectory;
use crate::api::tokens::Tokens;
use crate::api::verbs::{Api, ServiceRanges, Settings};
use crate::runtime::entropy::Entropy;
use crate::runtime::recording::Start;
use crate::runtime::store::{Bounds, LocalStore, Revision, Store};
use crate::runtime::supervision::{Ended, LastPanic, Strategy, Supervisor, SupervisorSpec};

/// Where the API would listen if there were sockets.
const API_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 6443);

/// What the process stands on, and leaves behind.
#[derive(Clone)]
pub struct Ground {
    pub disk: Disk,
    pub network: Network,
    pub machines: Machines,
    pub tokens: Arc<Tokens>,
    pub journal: Journal,
    pub own_informers: bool,
    pub control_planes: u32,
    /// What a first process finds.
    pub export: Export,
    pub replay: Option<Arc<Plot>>,
    /// How this life of the process was started when it was recorded.
    pub recorded: Option<Start>,
}

/// What others see of a running process.
#[derive(Clone)]
pub struct Faces {
    pub root: Supervisor,
    pub proxy: Proxy,
    pub store: Arc<LocalStore<Object>>,
    /// `None` if the store took nothing.
    pub api: Option<Api>,
    /// What the nodes serve of their pods.
    pub nodes: NodeDirectory,
    /// Why pods wait.
    pub diagnoses: Diagnoses,
    /// Of several control planes, whether each leads.
    pub claims: Vec<Leadership>,
}

impl Faces {
    /// Resolves when the process has to end by itself, with the reason: its tree gave up, or its store is in doubt.
    pub async fn over(&self) -> String {
        tokio::select! {
            biased;
            ended = self.root.ended() => match ended {
                Ended::Stopped => "stopped".to_owned(),
                Ended::GaveUp(why) => format!("gave up: {why}"),
            },
            why = self.store.in_doubt() => format!("ended, its store in doubt: {why}"),
        }
    }
}

/// A running process.
pub struct Process {
    pub faces: Faces,
    tasks: AbortOnDropHandle<()>,
}

impl Process {
    /// Starts the cast. `entropy` is this life's. Who drops the future kills what it has started.
    pub async fn start(ground: Ground, entropy: Entropy) -> Self {
        let (started, faces) = oneshot::channel();
        let tasks = LocalSet::new();
        tasks.spawn_local(async move {
            // Who asked may have been killed itself.
            let _ = started.send(cast(&ground, &entropy).await);
        });
        let tasks = AbortOnDropHandle::new(actix::spawn(tasks));
        let faces = faces.await.expect("a disk that lives gives back what was written to it");
        Self { faces, tasks }
    }

    /// Ends every task where it stands.
    pub async fn kill(self) {
        self.tasks.abort();
        // An aborted task's result says just that.
        let _ = self.tasks.await;
    }

    /// Stops in order.
    pub async fn stop(self) {
        self.faces.root.stop().await;
        self.kill().await;
    }
}

async fn cast(ground: &Ground, entropy: &Entropy) -> Faces {
    let journal = ground.journal.clone();
    let panicked = move |actor: &str, panic: &LastPanic| {
        let (actor, message, location) = (actor.to_owned(), panic.message.clone(), panic.location.clone());
        journal.write(Event::Panicked { actor, message, location });
    };
    let spec = SupervisorSpec::new(Strategy::OneForOne).entropy(entropy.split("supervision")).single_threaded().on_panic(panicked);
    let root = Supervisor::root(spec);
    let supervisor = root.supervisor("store", Strategy::OneForOne);
    let store = LocalStore::start(&supervisor, Arc::new(ground.disk.clone()), Bounds::default());
    let store = Arc::new(store.expect("a disk that lives gives back what was written to it"));
    let settings = settings(ground);
    let api = Api::new(store.clone(), entropy.split("api"), settings);
    if store.snapshot().revision() == Revision(0) {
        let restored = ground.export.restore(&api).await;
        restored.expect("what was read from another cluster was judged, and the disk is new");
    }
    // A disk that takes nothing now may do so later; what is missing is made at the next start, as `kabuki up` would be started again.
    let recorded = ground.recorded.as_ref();
    let founded = bootstrap(&api, recorded.map_or(API_SERVER, |start| start.advertised)).await;
    ground.network.serve(founded.is_ok().then(|| api.clone()));
    let authority = recorded.map_or("simulated authority", |start| &*start.authority);
    let tokens = recorded.map(|_| ground.tokens.clone());
    let controllers = controllers::Options { tokens, ..controllers::Options::new(authority) };
    let controls = control_plane::Options { controllers, diagnoses: Diagnoses::default() };
    let Planes { informers: seen, claims } = Planes::start(ground.control_planes, &root, &ground.network, entropy, &controls);
    let shared = (seen.clone(), PodRouter::start(&root, seen.typed::<Pod>()));
    let nodes = NodeDirectory::default();
    for machine in ground.machines.iter() {
        let client: ClientRef = ground.network.client(&machine.user());
        let (informers, pods) = match ground.own_informers {
            true => views(&root, machine, client.clone(), entropy),
            false => shared.clone(),
        };
        let root = root.by_clock(machine.runtime.clock());
        let handle = kubelet::start(&root, client, &informers, &pods, machine.outside(), entropy, machine.options());
        nodes.register(&handle.node_name, handle.streams);
    }
    let options = proxy::Options { node: proxy::Node::default(), network: None };
    let supervisor = root.supervisor("proxy", Strategy::OneForOne);
    let proxy = proxy::start(&supervisor, &seen, entropy, options);
    if let Some(address) = ground.replay.as_ref().and_then(|plot| plot.name_server) {
        let options = dns::Options { address, upstreams: Vec::new(), network: None };
        dns::start(&supervisor, &seen, ground.network.client("system:dns"), entropy, options);
    }
    Faces { root, proxy, store, api: founded.is_ok().then_some(api), nodes, diagnoses: controls.diagnoses, claims }
}

fn settings(ground: &Ground) -> Settings {
    let settings = Settings { tokens: Some(ground.tokens.clone()), ..Settings::default() };
    let (Some(plot), Some(start)) = (&ground.replay, &ground.recorded) else { return settings };
    let ranges = start.service_range.parse().map(|cluster_ips| ServiceRanges { cluster_ips, ..settings.ranges.clone() });
    let ranges = ranges.unwrap_or_else(|_| settings.ranges.clone());
    Settings { ranges, identities: Some(Arc::new(plot.given.clone())), ..settings }
}

/// What a node sees that has joined over the network.
fn views(root: &Supervisor, machine: &Machine, client: ClientRef, entropy: &Entropy) -> (Informers, PodRouter) {
    let supervisor = root.supervisor(&format!("informers {}", machine.name), Strategy::OneForOne);
    let informers = Informers::new(supervisor, client, &entropy.split(&machine.name));
    let pods = PodRouter::start(root, informers.typed::<Pod>());
    (informers, pods)
}

//! A cluster in simulated time.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::disk::Disk;
use super::journal::Journal;
use super::machines::Machines;
use super::network::Network;
use super::process::{Faces, Ground, Process};
use crate::actors::proxy::Proxy;
use crate::api::client::ClientRef;
use crate::api::tokens::Tokens;
use crate::runtime::clock;
use crate::runtime::containers::simulated::Profile;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::supervision::Supervisor;

/// When every run begins.
const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);

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
    /// The administrator's. It is good across restarts of the process.
    pub client: ClientRef,
    pub machines: Machines,
    pub network: Network,
    pub disk: Disk,
    pub journal: Journal,
    /// For the story: its chance is a stream of the run's own.
    pub entropy: Entropy,
    ground: Ground,
    chance: Entropy,
    process: RefCell<Option<Process>>,
    lives: Cell<u32>,
}

/// Tells a story in a cluster that has just been founded, in simulated time. Blocks until the story has ended, and returns what it returns
/// with the journal of all that was committed meanwhile. The same setup and story give the same journal.
///
/// # Panics
/// The story did, or there are more nodes than the range of pods has room for.
pub fn run<T, F: Future<Output = T>>(setup: Setup, story: impl FnOnce(Arc<Cluster>) -> F) -> (T, Journal) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("the system has what a runtime needs")
    };
    actix_rt::System::with_tokio_rt(runtime).block_on(async move {
        let _simulated = clock::simulate(EPOCH);
        #[expect(clippy::arc_with_non_send_sync, reason = "stories hand it to whoever they want, on this one thread")]
        let cluster = Arc::new(Cluster::found(setup).await);
        let outcome = story(cluster.clone()).await;
        let process = cluster.process.borrow_mut().take();
        if let Some(process) = process {
            process.stop().await;
        }
        (outcome, cluster.journal.clone())
    })
}

impl Cluster {
    async fn found(setup: Setup) -> Self {
        let entropy = Entropy::from_seed(setup.seed);
        let journal = Journal::default();
        let disk = Disk::new(journal.clone());
        let network = Network::new(entropy.split("network"));
        let machines = Machines::new(&setup, &entropy);
        let tokens = Arc::new(Tokens::ephemeral());
        let ground = Ground { disk: disk.clone(), network: network.clone(), machines: machines.clone(), tokens };
        let cluster = Self {
            client: network.client("kubernetes-admin"),
            machines,
            network,
            disk,
            journal,
            entropy: entropy.split("story"),
            ground,
            chance: entropy,
            process: RefCell::new(None),
            lives: Cell::new(0),
        };
        cluster.start().await;
        cluster
    }

    /// Starts the process, if it does not run.
    pub async fn start(&self) {
        if self.process.borrow().is_some() {
            return;
        }
        let life = self.lives.replace(self.lives.get() + 1);
        let process = Process::start(self.ground.clone(), self.chance.split(&format!("process {life}"))).await;
        *self.process.borrow_mut() = Some(process);
    }

    /// Kills the process, if it runs. Containers go on.
    pub async fn crash(&self) {
        let process = self.process.borrow_mut().take();
        self.network.serve(None);
        if let Some(process) = process {
            process.kill().await;
        }
    }

    /// What can be seen of the process; `None` while it does not run.
    pub fn faces(&self) -> Option<Faces> {
        self.process.borrow().as_ref().map(|process| process.faces.clone())
    }

    /// The root of the process's supervision tree.
    ///
    /// # Panics
    /// The process does not run.
    pub fn root(&self) -> Supervisor {
        self.faces().expect("the process runs").root
    }

    /// # Panics
    /// The process does not run.
    pub fn proxy(&self) -> Proxy {
        self.faces().expect("the process runs").proxy
    }

    /// Time goes by; the cast acts meanwhile.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

//! A cluster in simulated time.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::alarm::Alarm;
use super::deeds::Load;
use super::disk::{Disk, Grain};
use super::export::Export;
use super::journal::{Event, Journal};
use super::machines::{Hardware, Machines};
use super::network::Network;
use super::process::{Faces, Ground, Process};
use super::replay::Plot;
use super::service::{Entrance, FrontParts};
use crate::actors::proxy::Proxy;
use crate::api::client::ClientRef;
use crate::api::tokens::Tokens;
use crate::runtime::clock;
use crate::runtime::containers::simulated::Profile;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::supervision::Supervisor;

/// When a run begins that does not say otherwise.
const EPOCH: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// What the keeper waits before it starts the process again.
const RESTART: Duration = Duration::from_secs(1);

/// For so long a machine that is to lose its power waits for a write to lose it at: a node at peace renews its lease within that time.
const BRINK: Duration = Duration::from_secs(10);

/// What a run begins with.
#[derive(Clone)]
pub struct Setup {
    /// Of all chance in the run.
    pub seed: u64,
    /// A machine for each node.
    pub machines: Vec<Hardware>,
    /// How the containers of all nodes behave.
    pub containers: Profile,
    /// The addresses of all pods.
    pub pod_range: Cidr,
    /// How finely the store's disk is simulated.
    pub disk: Grain,
    /// What the deeds of users mean that name no object. It is for the story to bring up.
    pub load: Load,
    /// When the run begins.
    pub epoch: Timestamp,
    /// What another cluster had, with which this one begins.
    pub export: Export,
    /// Every node has informers of its own, as one that has joined over the network, so that it can be cut off. Else they share the
    /// process's, as the simulated nodes of `kabuki up` do.
    pub own_informers: bool,
    /// Of several, one leads and acts.
    pub control_planes: u32,
    /// What signs the tokens of service accounts, if that is not made for the run.
    pub tokens: Option<Arc<Tokens>>,
    /// What is lived through again, if this is not a run of its own.
    pub replay: Option<Arc<Plot>>,
    /// Into which all that happens is written.
    pub journal: Journal,
}

impl Setup {
    pub fn new(seed: u64, nodes: u32) -> Self {
        let pod_range = Cidr::new(Ipv4Addr::new(10, 244, 0, 0).into(), 16).expect("IPv4 addresses have prefixes of 16 bits");
        let containers = Profile::default();
        Self {
            seed,
            machines: Hardware::alike(nodes, 1),
            containers,
            pod_range,
            disk: Grain::default(),
            load: Load::of(0),
            epoch: EPOCH,
            export: Export::default(),
            own_informers: false,
            control_planes: 1,
            tokens: None,
            replay: None,
            journal: Journal::default(),
        }
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
    pub load: Load,
    ground: Ground,
    alarm: Alarm,
    chance: Entropy,
    process: RefCell<Option<Process>>,
    /// By which requests from outside come in, once it is open.
    entrance: RefCell<Option<Entrance>>,
    lives: Cell<u32>,
    /// When the keeper may start it again.
    down_until: Cell<clock::Instant>,
    /// For how long the power goes when it does.
    outage: Cell<Option<Duration>>,
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
        let _simulated = clock::simulate(setup.epoch);
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
        let journal = setup.journal.clone();
        let alarm = Alarm::new();
        let disk = Disk::new(setup.disk, journal.clone(), alarm.clone(), entropy.split("disk"));
        setup.replay.iter().for_each(|plot| disk.lay(plot.objects.clone()));
        let network = Network::new(entropy.split("network"), journal.clone(), alarm.clone());
        let machines = Machines::new(&setup, &entropy, &journal);
        let tokens = setup.tokens.clone().unwrap_or_else(|| Arc::new(Tokens::ephemeral()));
        let ground = Ground {
            disk: disk.clone(),
            network: network.clone(),
            machines: machines.clone(),
            journal: journal.clone(),
            own_informers: setup.own_informers,
            control_planes: setup.control_planes,
            replay: setup.replay.clone(),
            recorded: None,
            tokens,
            export: setup.export.clone(),
        };
        let cluster = Self {
            client: network.client("kubernetes-admin"),
            machines,
            network,
            disk,
            journal,
            entropy: entropy.split("story"),
            load: setup.load,
            ground,
            alarm,
            chance: entropy,
            process: RefCell::new(None),
            entrance: RefCell::new(None),
            lives: Cell::new(0),
            down_until: Cell::new(clock::instant()),
            outage: Cell::new(None),
        };
        cluster.start().await;
        cluster
    }

    /// Starts the process again whenever it ends, and kills it where a trap springs, as a daemon's keeper would. Never returns.
    pub async fn keep(&self) {
        loop {
            let Some(faces) = self.faces() else {
                tokio::time::sleep_until(self.down_until.get().max(clock::instant() + RESTART)).await;
                self.start().await;
                continue;
            };
            let life = self.lives.get();
            let why = tokio::select! {
                biased;
                why = self.alarm.heard() => why.to_owned(),
                why = faces.over() => why,
            };
            // Whoever killed it has written that down.
            if life == self.lives.get() && self.faces().is_some() {
                self.end(&why).await;
            }
        }
    }

    /// Starts the process, if it does not run. A trap may kill it on the way.
    pub async fn start(&self) {
        if self.process.borrow().is_some() {
            return;
        }
        let life = self.lives.replace(self.lives.get() + 1);
        self.journal.write(Event::Process { what: format!("{life} starts") });
        let recorded = self.ground.replay.as_ref().and_then(|plot| plot.begin(life as usize));
        let chance = recorded.as_ref().and_then(|start| Entropy::from_hex(&start.seed));
        let chance = chance.unwrap_or_else(|| self.chance.split(&format!("process {life}")));
        // What rang for an earlier life is no call to end this one.
        self.alarm.silence();
        tokio::select! {
            biased;
            why = self.alarm.heard() => {
                self.network.serve(None);
                self.disk.cut();
                self.journal.write(Event::Process { what: format!("{life} {why}, before it was founded") });
            }
            process = Process::start(Ground { recorded, ..self.ground.clone() }, chance) => {
                *self.process.borrow_mut() = Some(process);
                self.open();
            }
        }
    }

    /// From now on requests come in by it, to whichever process runs.
    pub(super) fn let_in(&self, entrance: Entrance) {
        *self.entrance.borrow_mut() = Some(entrance);
        self.open();
    }

    fn open(&self) {
        let (entrance, faces) = (self.entrance.borrow(), self.faces());
        if let (Some(entrance), Some(Faces { root, nodes, api: Some(api), diagnoses, .. })) = (&*entrance, faces) {
            let (client, entropy) = (self.network.client("system:apiserver"), self.chance.split(&format!("http {}", self.lives.get())));
            entrance.door.open(entrance.front(FrontParts { api, client, nodes, diagnoses, supervisor: root, entropy }));
        }
    }

    /// Kills the process, if it runs. Containers go on.
    pub async fn crash(&self) {
        self.end("was killed").await;
    }

    /// Kills it, and lets the keeper wait so long before it starts it again.
    pub async fn crash_for(&self, down: Duration) {
        self.down_until.set(clock::instant() + down);
        self.crash().await;
    }

    /// The process's machine loses its power, in the midst of a write if there is one soon, and gets it back after so long.
    pub async fn lose_power(&self, down: Duration) {
        self.outage.set(Some(down));
        self.disk.doom();
        // Whoever keeps the process ends it where the power goes, unless nothing is written.
        let is_over = self.until(BRINK, async || !self.disk.is_doomed() || self.faces().is_none()).await;
        if is_over.is_err() || self.disk.is_doomed() {
            self.end("lost its power").await;
        }
    }

    /// Lets the process stop in order, if it runs.
    pub async fn stop(&self) {
        let process = self.process.borrow_mut().take();
        self.network.serve(None);
        if let Some(process) = process {
            process.stop().await;
            self.disk.close();
            self.journal.write(Event::Process { what: format!("{} stopped", self.lives.get() - 1) });
        }
    }

    async fn end(&self, why: &str) {
        let process = self.process.borrow_mut().take();
        if let Some(down) = self.outage.take() {
            self.down_until.set(clock::instant() + down);
        }
        self.network.serve(None);
        if let Some(entrance) = &*self.entrance.borrow() {
            entrance.door.close();
        }
        if let Some(process) = process {
            process.kill().await;
            self.journal.write(Event::Process { what: format!("{} {why}", self.lives.get() - 1) });
        }
        self.disk.cut();
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

    /// Lets time go by until a condition holds, which is looked at every second.
    ///
    /// # Errors
    /// It did not come to hold within that time.
    pub async fn until(&self, patience: Duration, mut holds: impl AsyncFnMut() -> bool) -> Result<(), String> {
        let deadline = clock::instant() + patience;
        while !holds().await {
            if clock::instant() >= deadline {
                return Err(format!("it does not hold after {} s", patience.as_secs()));
            }
            self.pass(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Time goes by; the cast acts meanwhile.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

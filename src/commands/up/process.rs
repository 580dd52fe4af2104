//! The parts of a cluster, put together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use parking_lot::Mutex;

use super::nodes::{self, Ground, host_address};
use super::recording;
use super::services;
use super::signals::Asked;
use super::{StoreKind, Up};
use crate::actors::control_plane::{self, Clients, ControlPlane};
use crate::actors::controllers;
use crate::actors::scheduler::Diagnoses;
use crate::api::admission::extension::Caller;
use crate::api::bootstrap::bootstrap;
use crate::api::client::ClientRef;
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::streams::NodeDirectory;
use crate::api::verbs::{Api, LocalClient, ServiceRanges, Settings, User};
use crate::commands::{Failure, cluster};
use crate::http::audit::Audit;
use crate::http::authentication::Authenticator;
use crate::http::front::Front;
use crate::http::identity::Identity;
use crate::http::server;
use crate::http::webhook_client::WebhookClient;
use crate::runtime::clock::{self, Instant};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::recording::{Record, RecordedEngine, Recorder, Start};
use crate::runtime::shutdown::Shutdown;
use crate::runtime::store::{Bounds, Embedded, Engine, LocalStore, Snapshot, Store, Volatile, create_directory};
use crate::runtime::supervision::{Ended, Strategy, Supervisor, SupervisorSpec};

/// The supervisor of what listens.
const FRONT: &str = "http";

/// A running cluster.
pub struct Process {
    root: Supervisor,
    store: Arc<LocalStore<Object>>,
    audit: Option<Arc<Audit>>,
    recorder: Recorder,
    /// One line, if there is a recording.
    pub recording: Option<String>,
    pub kubeconfig: PathBuf,
    /// From the call of [`Process::start`] to the first answer that could be given.
    pub ready_after: Duration,
    pub has_nodes: bool,
    /// One line: what runs the containers.
    pub description: String,
}

impl Process {
    pub async fn start(options: &Up, directory: &Path) -> Result<Self, Failure> {
        let begun: Instant = clock::instant();
        create_directory(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let entropy = Entropy::from_system();
        let engine = engine(options.store, directory)?;
        let recorder = options.recording.start(directory)?;
        let panics = recording::panics(recorder.clone());
        let root = Supervisor::root(SupervisorSpec::new(Strategy::OneForOne).entropy(entropy.split("supervision")).on_panic(panics));
        let listener = server::listen(options.listen)?;
        let address = listener.local_addr()?;
        let identity = identity(options, directory, address)?;
        recorder.write(|| Record::Start(beginning(options, &entropy, advertised(address), identity.authority.pem())));
        let store = store(engine, &root, &recorder)?;
        check_service_range(&store.snapshot(), options.service_cidr)?;
        let ranges = ServiceRanges { cluster_ips: options.service_cidr, ..ServiceRanges::default() };
        let webhooks: Arc<dyn Caller> = Arc::new(WebhookClient::default());
        let settings = Settings { ranges, tokens: Some(identity.tokens.clone()), webhooks: Some(webhooks), ..Settings::default() };
        let api = Api::new(store.clone(), entropy.split("api"), settings);
        bootstrap(&api, advertised(address)).await?;
        // What happened before anybody could watch is nobody's history.
        store.compact();
        let nodes = NodeDirectory::default();
        let clients = Clients {
            of: {
                let api = api.clone();
                move |user: &str| client(&api, user)
            },
        };
        let (diagnoses, audit) = (Diagnoses::default(), options.audit.start(directory)?);
        let certifying = controllers::Certifying { authorizer: api.authorizer().clone(), signer: identity.authority.clone() };
        let front = Front {
            authenticator: Authenticator::new(&identity, (clients.of)("system:apiserver")),
            nodes: nodes.clone(),
            diagnoses: diagnoses.clone(),
            audit: audit.clone(),
            supervisor: root.clone(),
            recorder: recorder.clone(),
            entropy: Mutex::new(entropy.split("http")),
            shutdown: Shutdown::new(),
            api,
        };
        server::serve(&root.supervisor(FRONT, Strategy::OneForOne), listener, &identity, front)?;
        let kubeconfig = directory.join("kubeconfig");
        identity.kubeconfig(&format!("https://{address}")).write(&kubeconfig)?;
        let ready_after = begun.elapsed();
        let tokens = Some(identity.tokens.clone());
        let certifying = Some(certifying);
        let controllers = controllers::Options { tokens, certifying, ..controllers::Options::new(identity.authority.pem()) };
        let control_plane = ControlPlane::start(&root, &clients, &entropy, &control_plane::Options { controllers, diagnoses });
        let cluster = cluster::name(directory)?;
        let ground = Ground {
            root: &root,
            informers: &control_plane.informers,
            client: &clients.of,
            directory: &nodes,
            entropy: &entropy,
            recorder: &recorder,
            data: directory,
            cluster: &cluster,
        };
        let nodes = nodes::start(options, &ground).await?;
        services::start(options, &ground, &nodes, address).await?;
        let (has_nodes, recording) = (options.nodes != Some(0), options.recording.describe());
        Ok(Self { root, store, audit, recorder, recording, kubeconfig, ready_after, has_nodes, description: nodes.description })
    }

    /// Runs until somebody asks it to stop, then stops in order.
    ///
    /// # Errors
    /// The supervision tree gave up, or the store is in doubt; the reason.
    pub async fn run_until(self, mut asked: Asked) -> Result<(), Failure> {
        let outcome = tokio::select! {
            biased;
            () = asked.heard() => Ok(()),
            ended = self.root.ended() => match ended {
                Ended::Stopped => Ok(()),
                Ended::GaveUp(reason) => Err(format!("the cluster gave up: {reason}").into()),
            },
            why = self.store.in_doubt() => {
                Err(format!("the store can be written to no more ({why}): start again, then what is on the disk counts").into())
            }
        };
        self.stop().await;
        outcome
    }

    /// Stops in order; containers go on.
    pub async fn stop(self) {
        eprintln!("stopping; containers keep running");
        self.recorder.write(|| Record::Stop);
        // First, so that nobody is answered by half a cluster.
        self.root.stop_child(FRONT).await;
        self.root.stop().await;
        self.recorder.close();
        if let Some(audit) = self.audit {
            audit.settle();
        }
    }
}

/// Where the API is reached from the cluster's nodes: endpoints can name no loopback address.
fn advertised(listening: SocketAddr) -> SocketAddr {
    match listening.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => SocketAddr::new(host_address(), listening.port()),
        _ => listening,
    }
}

/// What a recording says of a process's beginning.
fn beginning(options: &Up, entropy: &Entropy, advertised: SocketAddr, authority: &str) -> Start {
    Start {
        seed: entropy.seed(),
        service_range: options.service_cidr.to_string(),
        pod_range: options.pod_cidr.to_string(),
        advertised,
        authority: authority.to_owned(),
        forgets: options.store == StoreKind::Memory,
    }
}

fn identity(options: &Up, directory: &Path, listening: SocketAddr) -> Result<Identity, Failure> {
    // The service `kubernetes` has the first address of the range.
    let names = [Some(listening.ip()), options.service_cidr.nth(1)];
    let names: Vec<String> = names.into_iter().flatten().map(|address| address.to_string()).collect();
    Ok(Identity::open(directory, &names)?)
}

fn engine(kind: StoreKind, directory: &Path) -> Result<Arc<dyn Engine>, Failure> {
    Ok(match kind {
        StoreKind::Embedded => Arc::new(Embedded::open(directory)?),
        StoreKind::Memory => Arc::new(Volatile),
    })
}

/// The writer has a thread of its own, since it waits for the disk.
fn store(engine: Arc<dyn Engine>, root: &Supervisor, recorder: &Recorder) -> Result<Arc<LocalStore<Object>>, Failure> {
    let engine = match recorder.is_on() {
        true => Arc::new(RecordedEngine::new(engine, recorder.clone())),
        false => engine,
    };
    let supervisor = root.supervisor("store", Strategy::OneForOne);
    Ok(Arc::new(LocalStore::start(&supervisor, engine, Bounds::default())?))
}

/// Services keep the addresses that they have, so the range has to hold them.
fn check_service_range(known: &Snapshot<Object>, range: Cidr) -> Result<(), Failure> {
    for (key, service) in known.range(&Registry::built_in().of::<Service>().collection, "", None) {
        let service: Service = service.parse().map_err(|error| format!("{key}: {error}"))?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).and_then(|address| address.parse().ok());
        if let Some(address) = address.filter(|address| !range.contains(*address)) {
            let why =
                format!("--service-cidr {range} is not what the services of this cluster were given: service {} has {address}", key.path);
            return Err(format!("{why}. Start with the range as it was, or with another --data-dir").into());
        }
    }
    Ok(())
}

/// Parts of the cast act as the users that they are upstream, with the rights of the system.
fn client(api: &Api, user: &str) -> ClientRef {
    Arc::new(LocalClient::new(api.clone(), User::master(user)))
}

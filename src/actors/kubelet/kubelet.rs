//! The kubelet's actor: it registers its node, hands pods to their workers, and clears away what belongs to no pod.
//!
//! It is woken by changes of its node's pods, by the runtime's events, and by a timer as a safety net. It owns nothing that a new one
//! could not find: the pods are the API's, what runs is the runtime's, and the workers live on beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, WrapFuture};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::admission::{Demand, admit};
use super::context::{Context, Machine, Options};
use super::heartbeat;
use super::node_object::allocatable;
use super::pod_source::{NodePods, PodRouter};
use super::spec::{NODE, POD_UID};
use super::streams::Streams;
use super::worker::{Desk, PodWorker, Workers};
use crate::actors::events::{About, Recorder};
use crate::actors::informer::{InformerHandle, Informers, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::streams::PodStreams;
use crate::runtime::containers::{Labels, RuntimeEvent, RuntimeInfo};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::supervision::{ChildSpec, Ctx, Restart, Strategy, Supervisor, SupervisorSpec};

/// How long to wait before trying again what the runtime or the API refused.
const RETRY: Duration = Duration::from_secs(1);
/// Events that were missed are made up for this often.
const SWEEP: Duration = Duration::from_secs(60);

/// What everybody else holds of a kubelet.
#[derive(Clone)]
pub struct KubeletHandle {
    pub node_name: String,
    /// What the node serves of its pods.
    pub streams: Arc<dyn PodStreams>,
}

/// Starts a node: a kubelet and its pod workers become a supervisor below this one.
pub fn start(
    supervisor: &Supervisor,
    client: ClientRef,
    informers: &Informers,
    pods: &PodRouter,
    machine: Machine,
    entropy: &Entropy,
    options: Options,
) -> KubeletHandle {
    let name = options.node_name.clone();
    let node = supervisor.supervisor(&format!("node {name}"), Strategy::OneForOne);
    let entropy = entropy.split(&format!("kubelet {name}"));
    let events = Recorder::start(&node, client.clone(), &entropy, "kubelet", &name);
    // A pod whose worker keeps panicking must not end the others: its restarts are rare by their backoff, and not counted out.
    let workers_spec = SupervisorSpec::new(Strategy::OneForOne).intensity(1000, Duration::from_secs(60));
    let seed = Seed {
        streams: Arc::new(Streams::new(name.clone(), machine.runtime.clone())),
        supervisor: node.supervisor("pods", workers_spec),
        services: informers.typed::<k8s_openapi::api::core::v1::Service>(),
        pods: pods.clone(),
        workers: Workers::default(),
        options,
        machine,
        client,
        events,
    };
    let streams = seed.streams.clone();
    node.start(ChildSpec::new("kubelet", move || Kubelet(seed.clone())));
    KubeletHandle { node_name: name, streams }
}

/// What a kubelet is made from.
#[derive(Clone)]
struct Seed {
    options: Options,
    machine: Machine,
    client: ClientRef,
    events: Recorder,
    services: InformerHandle,
    pods: PodRouter,
    workers: Workers,
    supervisor: Supervisor,
    streams: Arc<Streams>,
}

struct Kubelet(Seed);

impl Actor for Kubelet {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let seed = self.0.clone();
        ctx.spawn(async move { run(seed).await }.into_actor(self));
    }
}

async fn run(seed: Seed) {
    let name = seed.options.node_name.clone();
    let info = until_done(&name, "the container runtime does not answer", || seed.machine.runtime.info()).await;
    let node = Node::new(seed, info);
    let registered = until_done(&name, "the node cannot be registered", || heartbeat::register(&node.context)).await;
    let about = About::object(Registry::built_in().of::<k8s_openapi::api::core::v1::Node>(), &registered);
    node.context.events.normal(about, "Starting", "Starting kubelet.");
    node.set_pod_range(registered).await;
    let work = async {
        node.pods.synced().await;
        node.context.services.synced().await;
        node.work().await;
    };
    futures::join!(heartbeat::beat(node.context.clone()), work);
}

async fn until_done<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(node: &str, what: &str, attempt: impl Fn() -> F) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => tracing::warn!(node, %error, "{what}"),
        }
        sleep(RETRY).await;
    }
}

/// One life of a kubelet.
struct Node {
    context: Arc<Context>,
    pods: NodePods,
    workers: Workers,
    supervisor: Supervisor,
}

impl Node {
    fn new(seed: Seed, info: RuntimeInfo) -> Self {
        let Seed { options, machine, client, events, services, pods, workers, supervisor, .. } = seed;
        let pods = pods.node(&options.node_name);
        let context = Arc::new(Context { options, machine, client, events, services, info });
        Self { context, pods, workers, supervisor }
    }

    /// Tells the runtime the range of addresses that the node was given, now or later.
    async fn set_pod_range(&self, mut node: Object) {
        let name = &self.context.options.node_name;
        loop {
            let value = node.value();
            let given = self.context.options.pod_range.or_else(|| value["spec"]["podCIDR"].as_str()?.parse::<Cidr>().ok());
            if let Some(range) = given {
                until_done(name, "the range of pods cannot be set", || self.context.machine.runtime.set_pod_range(range)).await;
                return;
            }
            sleep(RETRY).await;
            let kind = Registry::built_in().of::<k8s_openapi::api::core::v1::Node>();
            node = until_done(name, "the node cannot be read", || self.context.client.get(kind, "", name)).await;
        }
    }

    async fn work(&self) {
        let mut events = self.context.machine.runtime.events();
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for pod in self.pods.all() {
            self.look(pod).await;
        }
        loop {
            tokio::select! {
                biased;
                keys = self.pods.changed() => {
                    for key in keys {
                        self.look_at(&key).await;
                    }
                }
                Some(event) = events.next() => match event {
                    RuntimeEvent::Relist => self.sweep().await,
                    RuntimeEvent::Sandbox { owner, .. } | RuntimeEvent::Container { owner, .. } => {
                        self.workers.get(&owner).iter().for_each(|desk| desk.wake());
                    }
                },
                _ = sweeps.tick() => self.sweep().await,
            }
        }
    }

    async fn look_at(&self, key: &ObjectKey) {
        let pod = self.pods.get(key);
        let uid = pod.as_ref().map(|pod| pod.uid().to_owned());
        let replaced = self.workers.named(key).into_iter().filter(|desk| Some(desk.uid()) != uid.as_deref());
        replaced.for_each(|desk| desk.set_gone());
        if let Some(pod) = pod {
            self.look(pod).await;
        }
    }

    /// Gives a pod to its worker, which is started if there is none.
    async fn look(&self, object: Object) {
        if let Some(desk) = self.workers.get(object.uid()) {
            desk.put(object);
            return;
        }
        let Ok(pod) = object.parse::<Pod>() else {
            tracing::error!(pod = object.name(), "a stored pod cannot be parsed");
            return;
        };
        let demand = Demand::of(&pod);
        let object = match self.admit(&object, &pod, &demand).await {
            Ok(rejected) => rejected.unwrap_or(object),
            Err(error) => {
                // Its worker will decide on what the API has by then.
                tracing::warn!(pod = object.name(), %error, "a pod could not be rejected");
                object
            }
        };
        let desk = Arc::new(Desk::new(object));
        self.workers.insert(desk.clone(), demand);
        let name = format!("{} {}", pod.metadata.name.as_deref().unwrap_or_default(), desk.uid());
        let (context, workers) = (self.context.clone(), self.workers.clone());
        let factory = move || PodWorker::new(context.clone(), desk.clone(), workers.clone());
        self.supervisor.start(ChildSpec::new(name, factory).restart(Restart::Transient));
    }

    /// Judges a pod that has not been judged before. One that does not fit has failed: gives what the API made of that.
    async fn admit(&self, object: &Object, pod: &Pod, demand: &Demand) -> Result<Option<Object>, Status> {
        let is_known = pod.status.as_ref().is_some_and(|status| status.start_time.is_some());
        let is_over = matches!(pod.status.as_ref().and_then(|status| status.phase.as_deref()), Some("Failed" | "Succeeded"));
        if is_known || is_over || pod.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let allocatable = allocatable(&self.context.options, &self.context.info);
        let Err(rejection) = admit(demand, &self.workers.demands(), &allocatable) else { return Ok(None) };
        let kind = Registry::built_in().of::<Pod>();
        let about = About::object(kind, object);
        self.context.events.warning(about, rejection.reason, rejection.message.clone());
        let mut value = object.value();
        value["status"]["phase"] = "Failed".into();
        value["status"]["reason"] = rejection.reason.into();
        value["status"]["message"] = json!(rejection.message);
        let options = WriteOptions::default();
        self.context.client.update(kind, object.namespace(), object.name(), "status", value, &options).await.map(Some)
    }

    /// Makes up for events that were missed: wakes all workers, and clears away what belongs to no pod. Only what this node's kubelet
    /// has made is ever touched.
    async fn sweep(&self) {
        self.workers.desks().iter().for_each(|desk| desk.wake());
        let known: BTreeSet<String> = self.pods.all().iter().map(|pod| pod.uid().to_owned()).collect();
        let is_orphan = |uid: &str| !known.contains(uid) && self.workers.get(uid).is_none();
        let labels: Labels = [(NODE.to_owned(), self.context.options.node_name.clone())].into();
        let runtime = &self.context.machine.runtime;
        match runtime.list_sandboxes(&labels).await {
            Ok(sandboxes) => {
                for sandbox in sandboxes.iter().filter(|sandbox| sandbox.labels.get(POD_UID).is_some_and(|uid| is_orphan(uid))) {
                    if let Err(error) = runtime.remove_sandbox(&sandbox.id).await {
                        tracing::warn!(sandbox = %sandbox.id, %error, "a sandbox without a pod could not be removed");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "sandboxes cannot be listed"),
        }
        let files = &self.context.machine.files;
        for uid in files.pods().await.unwrap_or_default().iter().filter(|uid| is_orphan(uid)) {
            if let Err(error) = files.remove(uid).await {
                tracing::warn!(pod = uid, %error, "files without a pod could not be removed");
            }
        }
    }
}

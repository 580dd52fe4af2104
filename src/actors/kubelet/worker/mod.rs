//! The pod worker: one actor for each pod of a node.
//!
//! It owns all that is done for its pod. It is woken through its [`Desk`] by newer versions of the pod, changes in the runtime and
//! verdicts of probes, and by time; then it looks at what is there, asks [`pod_lifecycle`] and carries out the answer. It ends when
//! nothing of its pod is left. A new one in its place begins by looking too.

mod act;
mod desk;
mod prober;
mod report;
mod table;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, WrapFuture};
use futures::future::{self, join};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::context::Context;
use super::files::Place;
use super::lifecycle::{Input, Outcome, Trouble, Troubles, World, members, pod_lifecycle};
use super::spec::{NodeFacts, POD_UID};
use super::volumes::{self, Mounted, Tokens};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::runtime::clock::{self, Instant};
use crate::runtime::containers::{ContainerFilter, ContainerId, ContainerState, Image, Labels, LogOptions};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Revision, Stored};
use crate::runtime::supervision::Ctx;

pub use desk::Desk;
use prober::Prober;
pub use table::Workers;

/// How long to wait after a failure of the runtime or the API before looking again.
const RETRY: Duration = Duration::from_secs(1);
/// Volumes that follow objects are brought up to date this often.
const REFRESH: Duration = Duration::from_secs(60);
/// Of a container's last words, at most so much is kept (upstream's limits).
const LAST_WORDS: usize = 4096;
const LAST_LINES: u64 = 80;
const LAST_LINES_BYTES: usize = 2048;

/// The actor.
pub struct PodWorker {
    context: Arc<Context>,
    desk: Arc<Desk>,
    workers: Workers,
}

impl PodWorker {
    pub fn new(context: Arc<Context>, desk: Arc<Desk>, workers: Workers) -> Self {
        Self { context, desk, workers }
    }
}

impl Actor for PodWorker {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let work = Rc::new(Work::new(self.context.clone(), self.desk.clone()));
        let probes = work.clone();
        ctx.spawn(async move { prober::run(&probes).await }.into_actor(self));
        let done = async move { work.run().await }.into_actor(self);
        ctx.spawn(done.map(|(), worker, ctx| {
            worker.workers.remove(worker.desk.uid());
            ctx.stop();
        }));
    }
}

/// One life of a pod worker.
struct Work {
    context: Arc<Context>,
    desk: Arc<Desk>,
    prober: Prober,
    memory: RefCell<Memory>,
}

/// What a worker may forget: it would find it out again.
#[derive(Default)]
struct Memory {
    troubles: Troubles,
    /// Failures in a row, by container.
    failures: BTreeMap<String, u32>,
    /// The last words of the containers that have ended.
    messages: BTreeMap<ContainerId, String>,
    mounted: Option<Mounted>,
    mounted_at: Option<Instant>,
    tokens: Tokens,
    resolv_conf: Option<String>,
    /// The image of the container that is made first, by its reference.
    image: Option<(String, Image)>,
    /// The version of the pod that was read last.
    read: Option<(Revision, Rc<Pod>)>,
    /// The status that the API has, and in which version of the pod.
    told: Option<(Revision, PodStatus)>,
}

/// How a turn went.
enum Turn {
    /// Look again at once.
    Again,
    /// Nothing to do until something happens, or one of these times comes: that of the pod's life, and that of its volumes.
    Wait(Option<Timestamp>, Option<Instant>),
    /// Nothing is left of the pod.
    Finished,
}

impl Work {
    fn new(context: Arc<Context>, desk: Arc<Desk>) -> Self {
        let prober = Prober::new(desk.clone());
        Self { context, desk, prober, memory: RefCell::default() }
    }

    async fn run(&self) {
        loop {
            let seen = self.desk.changes();
            match self.turn().await {
                Ok(Turn::Finished) => return,
                Ok(Turn::Again) => {}
                Ok(Turn::Wait(wake_at, refresh_at)) => self.wait(seen, wake_at, refresh_at).await,
                Err(error) => {
                    tracing::warn!(pod = self.desk.uid(), error, "will try again");
                    self.wait(seen, Some(clock::now() + RETRY), None).await;
                }
            }
        }
    }

    /// Waits until something happens or the time has come, and refreshes the volumes meanwhile.
    async fn wait(&self, seen: u64, wake_at: Option<Timestamp>, mut refresh_at: Option<Instant>) {
        let delay = wake_at.map(|at| Duration::try_from(at.duration_since(clock::now())).unwrap_or_default());
        let wake_at = delay.map(|delay| clock::instant() + delay);
        loop {
            tokio::select! {
                biased;
                () = self.desk.changed_since(seen) => return,
                () = until(wake_at) => return,
                () = until(refresh_at) => {}
            }
            let (object, _) = self.desk.pod();
            // One that cannot be read is the next turn's trouble.
            let Ok(pod) = self.read(&object) else { return };
            refresh_at = self.refresh(&object, &pod).await;
        }
    }

    /// The pod as its type. Each version is read once.
    fn read(&self, object: &Object) -> Result<Rc<Pod>, String> {
        let mut memory = self.memory.borrow_mut();
        if let Some((revision, pod)) = &memory.read
            && *revision == object.revision()
        {
            return Ok(pod.clone());
        }
        let pod: Rc<Pod> = Rc::new(object.parse().map_err(|error| format!("the pod cannot be parsed: {error}"))?);
        memory.read = Some((object.revision(), pod.clone()));
        Ok(pod)
    }

    /// Looks, decides, and does what is to be done. The error is for the log.
    async fn turn(&self) -> Result<Turn, String> {
        let (object, gone) = self.desk.pod();
        let pod = self.read(&object)?;
        let world = self.observe(&pod).await?;
        self.prober.follow(&pod, &world, pod_ip(&world, &self.context));
        let outcome = self.decide(&pod, gone, &world);
        self.tell_back_offs(&object, &pod, &outcome.status);
        if outcome.ended && (gone || pod.metadata.deletion_timestamp.is_some()) {
            return self.finish(&object, gone, &world, &outcome).await;
        }
        if planted(Flaw::LetsPodsGoEarly) && pod.metadata.deletion_timestamp.is_some() {
            self.let_go(&object).await?;
        }
        if outcome.actions.is_empty() {
            self.report(&object, &outcome.status).await?;
            let settled = self.settle_troubles(&object, &pod);
            let refresh_at = if outcome.ended { None } else { self.refresh(&object, &pod).await };
            return Ok(if settled { Turn::Again } else { Turn::Wait(outcome.wake_at, refresh_at) });
        }
        let act = self.act(&object, &pod, &world, outcome.actions.clone());
        let both = join(self.report(&object, &outcome.status), act);
        tokio::select! {
            biased;
            // What was begun for a pod that has to end now is left as it is: the next turn finds it.
            () = self.desk.ends_sooner_than(&object, gone) => Ok(Turn::Again),
            (reported, acted) = both => reported.and(acted).map(|()| Turn::Again),
        }
    }

    fn decide(&self, pod: &Pod, gone: bool, world: &World) -> Outcome {
        let memory = self.memory.borrow();
        pod_lifecycle(&Input {
            pod,
            gone,
            world,
            probes: &self.prober.verdicts(),
            troubles: &memory.troubles,
            messages: &memory.messages,
            host_ips: &self.context.options.node_ips,
            runtime: &self.context.info.name,
            now: clock::now(),
            ending_for: self.desk.ending_for(),
        })
    }

    /// What the runtime has of the pod.
    async fn observe(&self, pod: &Pod) -> Result<World, String> {
        let labels: Labels = [(POD_UID.to_owned(), self.desk.uid().to_owned())].into();
        let runtime = &self.context.machine.runtime;
        let filter = ContainerFilter { sandbox: None, labels: labels.clone() };
        let (sandboxes, containers) = join(runtime.list_sandboxes(&labels), runtime.list_containers(&filter)).await;
        let text = |error: crate::runtime::containers::Error| error.to_string();
        let mut world = match (sandboxes, containers) {
            (Err(_), _) | (_, Err(_)) if planted(Flaw::BelievesASilentEngine) => World::default(),
            (sandboxes, containers) => World { sandboxes: sandboxes.map_err(text)?, containers: containers.map_err(text)? },
        };
        if planted(Flaw::ForgetsContainers) && self.memory.borrow().mounted.is_none() {
            world.containers.clear();
        }
        self.hear_last_words(pod, &world).await;
        Ok(world)
    }

    /// Reads what the containers that have ended left in their termination log, or, if they want so, at the end of their log.
    async fn hear_last_words(&self, pod: &Pod, world: &World) {
        for container in &world.containers {
            let ContainerState::Exited(exit) = &container.state else { continue };
            if self.memory.borrow().messages.contains_key(&container.id) {
                continue;
            }
            let path = format!("containers/{}/{}", container.name, container.attempt);
            let place = Place { pod: self.desk.uid(), path: &path };
            let mut message = self.context.machine.files.tail(place, LAST_WORDS).await.unwrap_or_default();
            let members = members(pod);
            let member = members.iter().find(|member| member.name() == container.name);
            let policy = member.and_then(|member| member.spec.termination_message_policy.as_deref());
            if message.is_empty() && exit.code != 0 && policy == Some("FallbackToLogsOnError") {
                message = self.last_lines(&container.id).await;
            }
            self.memory.borrow_mut().messages.insert(container.id.clone(), message);
        }
        let known = |id: &ContainerId| world.containers.iter().any(|container| container.id == *id);
        self.memory.borrow_mut().messages.retain(|id, _| known(id));
    }

    async fn last_lines(&self, id: &ContainerId) -> String {
        use futures::StreamExt;
        let options = LogOptions { tail: Some(LAST_LINES), ..LogOptions::default() };
        let Ok(mut lines) = self.context.machine.runtime.logs(id, &options).await else { return String::new() };
        let mut bytes = Vec::new();
        while let Some(Ok(line)) = lines.next().await {
            bytes.extend_from_slice(&line.bytes);
        }
        let start = bytes.len().saturating_sub(LAST_LINES_BYTES);
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// An image that could not be pulled is next shown to be waited for. Whether anything is to be shown anew.
    fn settle_troubles(&self, object: &Object, pod: &Pod) -> bool {
        let mut settled = false;
        let members = members(pod);
        for (name, trouble) in &mut self.memory.borrow_mut().troubles {
            let Some(member) = members.iter().find(|member| member.name() == name) else { continue };
            if trouble.reason == "ErrImagePull" {
                let image = member.spec.image.as_deref().unwrap_or_default();
                let about = self.about(object).field(member.field_path());
                self.context.events.normal(about.clone(), "BackOff", format!("Back-off pulling image {image:?}"));
                self.context.events.warning(about, "Failed", "Error: ImagePullBackOff");
                let message = format!("Back-off pulling image {image:?}: ErrImagePull: {}", trouble.message);
                *trouble = Trouble { reason: "ImagePullBackOff", message, retry_at: trouble.retry_at };
                settled = true;
            }
        }
        settled
    }

    /// Brings volumes up to date that follow objects, and says when that is due again; never for a pod that has none.
    async fn refresh(&self, object: &Object, pod: &Pod) -> Option<Instant> {
        if !volumes::may_change(pod) {
            return None;
        }
        let due = self.memory.borrow().mounted_at.is_none_or(|at| at + REFRESH <= clock::instant());
        if due && self.mount(object, pod).await.is_err() {
            self.memory.borrow_mut().mounted_at = Some(clock::instant());
        }
        self.memory.borrow().mounted_at.map(|at| at + REFRESH)
    }

    /// Makes the volumes. The error says which cannot be made, as events do too.
    async fn mount(&self, object: &Object, pod: &Pod) -> Result<(), String> {
        let mut tokens = std::mem::take(&mut self.memory.borrow_mut().tokens);
        let mounted = volumes::mount(&self.context, pod, self.facts(), &mut tokens).await;
        let mut memory = self.memory.borrow_mut();
        memory.tokens = tokens;
        memory.mounted = Some(mounted.map_err(|failures| self.tell_unmounted(object, &failures))?);
        memory.mounted_at = volumes::may_change(pod).then(clock::instant);
        Ok(())
    }

    fn tell_unmounted(&self, object: &Object, failures: &[String]) -> String {
        for failure in failures {
            self.context.events.warning(self.about(object), "FailedMount", failure.clone());
        }
        failures.join("; ")
    }

    fn facts(&self) -> NodeFacts<'_> {
        self.context.facts()
    }

    fn about(&self, object: &Object) -> crate::actors::events::About {
        crate::actors::events::About::object(Registry::built_in().of::<Pod>(), object)
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => future::pending().await,
    }
}

/// A pod's address, as its sandbox has it.
fn pod_ip(world: &World, context: &Context) -> Option<IpAddr> {
    let sandbox = world.ready_sandbox()?;
    if sandbox.namespaces.host_network { context.options.node_ips.first().copied() } else { sandbox.ip }
}

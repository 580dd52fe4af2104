//! The scheduler: decides for each waiting pod which node it runs on.
//!
//! Owns the queue of waiting pods and a picture of the cluster that the informers' changes keep up to date. Woken by those changes, by
//! answers to its bindings and by its one timer. A pod counts as placed from the decision on, before the API has confirmed it; if the
//! binding fails, it is taken back. All decisions are [`framework::schedule`] and [`preemption::preempt`], which are pure.

mod affinity;
mod binder;
mod cluster;
mod counts;
mod event;
pub mod framework;
mod node;
mod plugins;
mod pod;
mod preemption;
mod queue;
mod resources;
mod spread;
mod tally;
#[cfg(test)]
mod tests;
mod topology;
mod why;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::{Actor, AsyncContext, Handler, Message, SpawnHandle, StreamHandler, WrapFuture};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::events::Recorder;
use super::informer::{Informers, ObjectKey};
use crate::api::client::ClientRef;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};
use binder::{Effect, Outcome};
pub use cluster::Cluster;
use event::ClusterEvent;
use framework::{Diagnosis, Plugin, Search, schedule};
pub use plugins::default_profile;
pub use pod::PodInfo;
use queue::Queue;
pub use why::Why;
use world::{Change, World};

/// The name that pods ask for when they ask for none.
pub const DEFAULT_NAME: &str = "default-scheduler";

/// Decisions in a row before changes and answers get their turn.
const TURN: usize = 64;
/// Writes to the API under way at once.
const WRITES: usize = 256;

/// Why pods wait: the last diagnosis of each that could not be placed.
#[derive(Clone, Default)]
pub struct Diagnoses(Arc<Mutex<BTreeMap<ObjectKey, Arc<Diagnosis>>>>);

impl Diagnoses {
    /// Why a pod is not placed; `None` if it never failed to be, or has been since.
    pub fn why(&self, namespace: &str, name: &str) -> Option<Arc<Diagnosis>> {
        self.0.lock().get(&ObjectKey::new(namespace, name)).cloned()
    }
}

/// What the scheduler needs.
#[derive(Clone)]
pub struct Options {
    /// Only pods with this `spec.schedulerName` are taken.
    pub name: String,
    pub client: ClientRef,
    pub informers: Informers,
    pub recorder: Recorder,
    /// Where it says why pods wait.
    pub diagnoses: Diagnoses,
}

/// Starts a scheduler; it restarts with what the informers then show.
pub fn start(supervisor: &Supervisor, options: Options, entropy: &Entropy) {
    let stream = entropy.split("scheduler");
    let mut starts = 0_u64;
    supervisor.start(ChildSpec::new("scheduler", move || {
        starts += 1;
        let search = Search { start: 0, entropy: stream.split(&starts.to_string()) };
        Scheduler::new(options.clone(), search)
    }));
}

struct Scheduler {
    options: Options,
    plugins: Vec<Box<dyn Plugin>>,
    world: World,
    cluster: Cluster,
    queue: Queue,
    search: Search,
    /// Pods placed by this scheduler that the informer does not show as bound yet.
    assumed: BTreeSet<ObjectKey>,
    effects: Option<mpsc::UnboundedSender<Effect>>,
    timer: Option<SpawnHandle>,
    /// Every informer has listed; until then a decision would be premature.
    ready: bool,
    /// A [`Turn`] is on its way.
    turning: bool,
}

/// Sent by the scheduler to itself: decide about some pods.
#[derive(Message)]
#[rtype(result = "()")]
struct Turn;

/// Every informer has listed.
#[derive(Message)]
#[rtype(result = "()")]
struct Ready;

impl Scheduler {
    fn new(options: Options, search: Search) -> Self {
        options.diagnoses.0.lock().clear();
        Self {
            world: World::new(&options.informers),
            options,
            plugins: default_profile(),
            cluster: Cluster::default(),
            queue: Queue::default(),
            search,
            assumed: BTreeSet::new(),
            effects: None,
            timer: None,
            ready: false,
            turning: false,
        }
    }

    /// Sees to it that a turn follows when there is a pod to try, now or when its backoff ends.
    fn wake(&mut self, ctx: &mut Ctx<Self>) {
        self.queue.advance(clock::instant());
        if !self.ready || self.turning {
            return;
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.queue.active() > 0 {
            self.turning = true;
            ctx.notify(Turn);
        } else if let Some(due) = self.queue.due() {
            let wait = due.saturating_duration_since(clock::instant());
            self.timer = Some(ctx.run_later(wait, |scheduler, ctx| {
                scheduler.timer = None;
                scheduler.wake(ctx);
            }));
        }
    }

    fn decide(&mut self, pod: Arc<PodInfo>) {
        match schedule(&self.plugins, &pod, &mut self.cluster, &mut self.search) {
            Ok(node) => self.place(pod, &node),
            Err(diagnosis) => self.refuse(pod, *diagnosis),
        }
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.cluster.put_pod(pod.clone(), node);
        self.assumed.insert(pod.key.clone());
        self.options.diagnoses.0.lock().remove(&pod.key);
        self.perform(Effect::Bind { pod: pod.clone(), node: node.into() });
        self.queue.happened(&ClusterEvent::PodPlaced(pod), &self.plugins);
    }

    fn refuse(&mut self, pod: Arc<PodInfo>, mut diagnosis: Diagnosis) {
        let mut nominated = None;
        match preemption::preempt(&self.plugins, &pod, &self.cluster, &diagnosis) {
            Ok(candidate) => {
                self.cluster.nominate(pod.clone(), &candidate.node);
                nominated = Some(candidate.node.clone());
                for victim in candidate.victims.into_iter().filter(|victim| !victim.terminating) {
                    self.perform(Effect::Preempt { victim, by: pod.clone(), node: candidate.node.clone() });
                }
            }
            Err(why) => diagnosis.preemption = why,
        }
        self.queue.refused(&pod.key, diagnosis.plugins().collect(), clock::instant());
        self.perform(Effect::Report { pod: pod.clone(), message: diagnosis.message(), nominated });
        self.options.diagnoses.0.lock().insert(pod.key.clone(), Arc::new(diagnosis));
    }

    fn perform(&self, effect: Effect) {
        if let Some(effects) = &self.effects {
            // The receiver is this actor's own stream: it ends with the actor.
            let _ = effects.send(effect);
        }
    }

    fn pod_changed(&mut self, key: &ObjectKey, pod: Option<Arc<PodInfo>>) {
        let before = self.cluster.pod(key).cloned();
        let Some(pod) = pod else {
            self.forget(key);
            self.gone(before);
            return;
        };
        if let Some(node) = pod.occupies() {
            self.assumed.remove(key);
            self.queue.remove(key);
            self.options.diagnoses.0.lock().remove(key);
            self.cluster.put_pod(pod.clone(), node);
            if before.is_none_or(|before| before.labels != pod.labels) {
                self.queue.happened(&ClusterEvent::PodPlaced(pod), &self.plugins);
            }
        } else if pod.waits_for(&self.options.name) {
            // What the informer shows of a pod that has just been placed is older than the placement.
            if !self.assumed.contains(key) {
                if let Some(node) = &pod.nominated {
                    self.cluster.nominate(pod.clone(), node);
                }
                self.queue.put(pod);
            }
        } else {
            self.forget(key);
            self.gone(before);
        }
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.assumed.remove(key);
        self.queue.remove(key);
        self.options.diagnoses.0.lock().remove(key);
        self.cluster.forget_nomination(key);
        self.cluster.remove_pod(key);
    }

    fn gone(&mut self, pod: Option<Arc<PodInfo>>) {
        if let Some(pod) = pod {
            self.queue.happened(&ClusterEvent::PodGone(pod), &self.plugins);
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Pod(key, pod) => self.pod_changed(&key, pod),
            Change::Node(object) => {
                let before = self.cluster.shared_node(object.name()).filter(|node| node.known);
                self.cluster.put_node(&object);
                let after = self.cluster.shared_node(object.name()).expect("the node that was just put");
                self.queue.happened(&ClusterEvent::Node { before, after }, &self.plugins);
            }
            Change::NodeGone(name) => {
                self.cluster.remove_node(&name);
                self.queue.happened(&ClusterEvent::NodeGone, &self.plugins);
            }
            Change::Storage(update, event) => {
                update(&mut self.cluster);
                self.queue.happened(&event, &self.plugins);
            }
            Change::Namespace(update) => {
                update(&mut self.cluster);
                self.queue.happened(&ClusterEvent::Namespace, &self.plugins);
            }
        }
    }
}

impl Actor for Scheduler {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (effects, receiver) = mpsc::unbounded_channel();
        self.effects = Some(effects);
        let binder = binder::Binder::new(self.options.client.clone(), self.options.recorder.clone());
        let queued = futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        ctx.add_stream(queued.map(move |effect| binder.clone().perform(effect)).buffer_unordered(WRITES));
        ctx.add_stream(self.world.changes());
        let synced = self.world.synced();
        let address = ctx.address();
        ctx.spawn(
            async move {
                synced.await;
                address.do_send(Ready);
            }
            .into_actor(self),
        );
    }
}

impl Handler<Ready> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Ready, ctx: &mut Self::Context) {
        self.ready = true;
        self.wake(ctx);
    }
}

impl Handler<Turn> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Turn, ctx: &mut Self::Context) {
        self.turning = false;
        for _ in 0..TURN {
            let Some(pod) = self.queue.pop() else { break };
            self.decide(pod);
        }
        self.wake(ctx);
    }
}

impl StreamHandler<Vec<Change>> for Scheduler {
    fn handle(&mut self, changes: Vec<Change>, ctx: &mut Self::Context) {
        for change in changes {
            self.apply(change);
        }
        self.wake(ctx);
    }
}

impl StreamHandler<Outcome> for Scheduler {
    fn handle(&mut self, outcome: Outcome, ctx: &mut Self::Context) {
        match outcome {
            Outcome::Done => {}
            Outcome::Bound(key) => self.queue.remove(&key),
            Outcome::NotBound(_) if planted(Flaw::ForgetsFailedBindings) => {}
            Outcome::NotBound(pod) => {
                if planted(Flaw::BindsTwice) {
                    self.queue.put(pod.clone());
                }
                // Unless the informer has shown in the meantime where the pod really is.
                if self.assumed.remove(&pod.key) {
                    self.cluster.remove_pod(&pod.key);
                    self.queue.failed(&pod.key, clock::instant());
                    self.gone(Some(pod));
                }
            }
        }
        self.wake(ctx);
    }
}

//! A container runtime that is watched: what it does when asked, and what becomes of what it runs, as far as whoever asks gets to see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::Recorder;
use super::record::{ActRecord, ContainerRecord, Fault, ImageRecord, Record, SandboxRecord, StateRecord, Verb};
use crate::runtime::clock::{self, Instant};
use crate::runtime::containers::{
    AttachOptions, ContainerFilter, ContainerId, ContainerRuntime, ContainerSpec, ContainerState, ContainerStats, ContainerStatus, Duplex,
    Error, ExecOptions, ExecOutput, Image, Labels, LogLine, LogOptions, PullProgress, RegistryAuth, Result, RuntimeEvent, RuntimeInfo,
    SandboxId, SandboxSpec, SandboxState, SandboxStatus, Session, User,
};
use crate::runtime::network::Cidr;

/// Sees what is found out about containers from outside, by probes and hooks, and may know it beforehand.
pub trait Findings: Send + Sync + 'static {
    /// What is found next, when a run is lived through again.
    fn known(&self, container: &ContainerId, what: &str) -> Option<bool>;

    fn found(&self, container: &ContainerId, what: &str, good: bool);
}

/// Knows nothing, and keeps nothing.
pub struct Unrecorded;

impl Findings for Unrecorded {
    fn known(&self, _: &ContainerId, _: &str) -> Option<bool> {
        None
    }

    fn found(&self, _: &ContainerId, _: &str, _: bool) {}
}

/// The runtime of one node, recorded.
pub struct RecordedRuntime {
    inner: Arc<dyn ContainerRuntime>,
    node: String,
    recorder: Recorder,
    seen: Mutex<Seen>,
}

/// What has been seen, so that only what is new is recorded.
#[derive(Default)]
struct Seen {
    sandboxes: BTreeMap<SandboxId, SandboxRecord>,
    containers: BTreeMap<ContainerId, ContainerRecord>,
    /// Which containers were asked to stop, and when.
    asked: BTreeMap<ContainerId, Timestamp>,
    /// By container and kind: how many there were, and the last.
    findings: BTreeMap<(ContainerId, String), (u64, bool)>,
    images: BTreeMap<String, ImageRecord>,
    is_out: bool,
}

impl RecordedRuntime {
    pub fn new(inner: Arc<dyn ContainerRuntime>, node: &str, recorder: Recorder) -> Self {
        Self { inner, node: node.to_owned(), recorder, seen: Mutex::default() }
    }

    /// Records what there is already.
    ///
    /// # Errors
    /// The runtime does not answer.
    pub async fn look(&self) -> Result<()> {
        let sandboxes = self.list_sandboxes(&Labels::new()).await?.iter().map(|sandbox| sandbox.id.to_string()).collect();
        let containers =
            self.list_containers(&ContainerFilter::default()).await?.iter().map(|container| container.id.to_string()).collect();
        self.recorder.write(|| Record::Present { node: self.node.clone(), sandboxes, containers });
        Ok(())
    }

    /// Records whether the runtime answers, where that changes.
    fn heed<T>(&self, result: Result<T>) -> Result<T> {
        let why = match &result {
            Err(Error::Unavailable(why)) => Some(why),
            _ => None,
        };
        let mut seen = self.seen.lock();
        if seen.is_out != why.is_some() {
            seen.is_out = why.is_some();
            self.recorder.write(|| Record::Outage { node: self.node.clone(), why: why.cloned() });
        }
        drop(seen);
        result
    }

    fn act<T>(&self, verb: Verb, (owner, name, attempt): (&str, &str, u32), since: Instant, result: &Result<T>, image: Option<&Image>) {
        self.recorder.write(|| {
            Record::Act(ActRecord {
                node: self.node.clone(),
                verb,
                owner: owner.to_owned(),
                name: name.to_owned(),
                attempt,
                took_micros: u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
                fault: result.as_ref().err().map(Fault::from),
                image: image.map(ImageRecord::from),
            })
        });
    }

    fn see_sandbox(&self, status: &SandboxStatus) {
        let mut seen = self.seen.lock();
        let ready = status.state == SandboxState::Ready;
        if seen.sandboxes.get(&status.id).is_some_and(|known| known.ready == ready) {
            return;
        }
        let asked = seen.sandboxes.get(&status.id).is_some_and(|known| known.asked);
        let sandbox = SandboxRecord { asked, ..SandboxRecord::of(status) };
        seen.sandboxes.insert(status.id.clone(), sandbox.clone());
        self.recorder.write(|| Record::Sandbox { node: self.node.clone(), sandbox });
    }

    fn see_container(&self, status: &ContainerStatus) {
        let mut seen = self.seen.lock();
        let asked_at = seen.asked.get(&status.id).copied();
        let state = StateRecord::of(&status.state, asked_at);
        if seen.containers.get(&status.id).is_some_and(|known| known.state == state || matches!(known.state, StateRecord::Exited { .. })) {
            return;
        }
        let owner = seen.sandboxes.get(&status.sandbox).map(|sandbox| sandbox.uid.clone()).unwrap_or_default();
        let container = ContainerRecord::of(status, owner, state);
        seen.containers.insert(status.id.clone(), container.clone());
        self.recorder.write(|| Record::Container { node: self.node.clone(), container });
    }

    /// A container was asked to stop: how it ends now is its answer.
    fn ask(&self, id: &ContainerId) {
        self.seen.lock().asked.entry(id.clone()).or_insert_with(clock::now);
    }

    /// All that is in a sandbox was.
    fn ask_all(&self, id: &SandboxId) {
        let mut seen = self.seen.lock();
        if let Some(sandbox) = seen.sandboxes.get_mut(id) {
            sandbox.asked = true;
        }
        let inside: Vec<ContainerId> =
            seen.containers.iter().filter(|(_, container)| *container.sandbox == *id.0).map(|(id, _)| id.clone()).collect();
        for container in inside {
            seen.asked.entry(container).or_insert_with(clock::now);
        }
    }

    fn forget(&self, id: &ContainerId) {
        let mut seen = self.seen.lock();
        seen.asked.remove(id);
        seen.findings.retain(|(of, _), _| of != id);
        if seen.containers.remove(id).is_some() {
            self.recorder.write(|| Record::ContainerGone { node: self.node.clone(), id: id.to_string() });
        }
    }

    /// Whose container that is: its sandbox's owner, its name and its attempt.
    fn whose(&self, id: &ContainerId) -> (String, String, u32) {
        let seen = self.seen.lock();
        let known = seen.containers.get(id);
        known.map(|container| (container.owner.clone(), container.name.clone(), container.attempt)).unwrap_or_default()
    }

    /// Looks at a container that has just changed.
    async fn look_at(&self, id: &ContainerId) {
        if let Ok(status) = self.inner.container_status(id).await {
            self.see_container(&status);
        }
    }
}

#[async_trait]
impl ContainerRuntime for RecordedRuntime {
    async fn info(&self) -> Result<RuntimeInfo> {
        self.heed(self.inner.info().await)
    }

    async fn set_pod_range(&self, range: Cidr) -> Result<()> {
        self.heed(self.inner.set_pod_range(range).await)
    }

    async fn run_sandbox(&self, spec: &SandboxSpec) -> Result<SandboxId> {
        let since = clock::instant();
        let made = self.heed(self.inner.run_sandbox(spec).await);
        self.act(Verb::RunSandbox, (&spec.uid, &spec.name, spec.attempt), since, &made, None);
        let id = made?;
        if let Ok(status) = self.inner.sandbox_status(&id).await {
            self.see_sandbox(&status);
        }
        Ok(id)
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.ask_all(id);
        self.heed(self.inner.stop_sandbox(id).await)
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.ask_all(id);
        self.heed(self.inner.remove_sandbox(id).await)?;
        let containers: Vec<ContainerId> =
            self.seen.lock().containers.iter().filter(|(_, container)| *container.sandbox == *id.0).map(|(id, _)| id.clone()).collect();
        containers.iter().for_each(|container| self.forget(container));
        if self.seen.lock().sandboxes.remove(id).is_some() {
            self.recorder.write(|| Record::SandboxGone { node: self.node.clone(), id: id.to_string() });
        }
        Ok(())
    }

    async fn sandbox_status(&self, id: &SandboxId) -> Result<SandboxStatus> {
        let status = self.heed(self.inner.sandbox_status(id).await)?;
        self.see_sandbox(&status);
        Ok(status)
    }

    async fn list_sandboxes(&self, labels: &Labels) -> Result<Vec<SandboxStatus>> {
        let all = self.heed(self.inner.list_sandboxes(labels).await)?;
        all.iter().for_each(|status| self.see_sandbox(status));
        Ok(all)
    }

    async fn create_container(&self, sandbox: &SandboxId, spec: &ContainerSpec) -> Result<ContainerId> {
        let since = clock::instant();
        let made = self.heed(self.inner.create_container(sandbox, spec).await);
        let owner = self.seen.lock().sandboxes.get(sandbox).map(|sandbox| sandbox.uid.clone()).unwrap_or_default();
        self.act(Verb::CreateContainer, (&owner, &spec.name, spec.attempt), since, &made, None);
        let id = made?;
        self.look_at(&id).await;
        Ok(id)
    }

    async fn start_container(&self, id: &ContainerId) -> Result<()> {
        let since = clock::instant();
        let started = self.heed(self.inner.start_container(id).await);
        let (owner, name, attempt) = self.whose(id);
        self.act(Verb::StartContainer, (&owner, &name, attempt), since, &started, None);
        self.look_at(id).await;
        started
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        self.ask(id);
        let stopped = self.heed(self.inner.stop_container(id, grace).await);
        self.look_at(id).await;
        stopped
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<()> {
        self.ask(id);
        self.heed(self.inner.remove_container(id).await)?;
        self.forget(id);
        Ok(())
    }

    async fn container_status(&self, id: &ContainerId) -> Result<ContainerStatus> {
        let status = self.heed(self.inner.container_status(id).await)?;
        self.see_container(&status);
        Ok(status)
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStatus>> {
        let all = self.heed(self.inner.list_containers(filter).await)?;
        all.iter().for_each(|status| self.see_container(status));
        Ok(all)
    }

    async fn exec_sync(&self, id: &ContainerId, command: &[String], timeout: Duration) -> Result<ExecOutput> {
        self.inner.exec_sync(id, command, timeout).await
    }

    async fn exec(&self, id: &ContainerId, options: &ExecOptions) -> Result<Session> {
        self.inner.exec(id, options).await
    }

    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Session> {
        self.inner.attach(id, options).await
    }

    async fn port_forward(&self, id: &SandboxId, port: u16) -> Result<Box<dyn Duplex>> {
        self.inner.port_forward(id, port).await
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<BoxStream<'static, Result<LogLine>>> {
        self.inner.logs(id, options).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        auth: Option<&RegistryAuth>,
        progress: Option<mpsc::Sender<PullProgress>>,
    ) -> Result<Image> {
        let since = clock::instant();
        let pulled = self.heed(self.inner.pull_image(reference, auth, progress).await);
        self.act(Verb::PullImage, ("", reference, 0), since, &pulled, pulled.as_ref().ok());
        if let Ok(image) = &pulled {
            self.seen.lock().images.insert(reference.to_owned(), ImageRecord::from(image));
        }
        pulled
    }

    async fn image(&self, reference: &str) -> Result<Image> {
        let image = self.heed(self.inner.image(reference).await)?;
        let record = ImageRecord::from(&image);
        let before = self.seen.lock().images.insert(reference.to_owned(), record.clone());
        if before.as_ref() != Some(&record) {
            self.recorder.write(|| Record::Image { node: self.node.clone(), reference: reference.to_owned(), image: record });
        }
        Ok(image)
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        self.heed(self.inner.list_images().await)
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        self.inner.remove_image(reference).await
    }

    async fn stats(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStats>> {
        self.inner.stats(filter).await
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.inner.events()
    }
}

impl Findings for RecordedRuntime {
    fn known(&self, _: &ContainerId, _: &str) -> Option<bool> {
        None
    }

    fn found(&self, container: &ContainerId, what: &str, good: bool) {
        let mut seen = self.seen.lock();
        let before = seen.findings.get(&(container.clone(), what.to_owned())).copied();
        let nth = before.map_or(0, |(nth, _)| nth + 1);
        seen.findings.insert((container.clone(), what.to_owned()), (nth, good));
        drop(seen);
        if before.is_none_or(|(_, last)| last != good) {
            let (owner, name, attempt) = self.whose(container);
            self.recorder.write(|| Record::Finding { owner, name, attempt, what: what.to_owned(), nth, good });
        }
    }
}

impl SandboxRecord {
    fn of(status: &SandboxStatus) -> Self {
        Self {
            id: status.id.to_string(),
            name: status.name.clone(),
            namespace: status.namespace.clone(),
            uid: status.uid.clone(),
            attempt: status.attempt,
            host_network: status.namespaces.host_network,
            ip: status.ip,
            labels: status.labels.clone(),
            annotations: status.annotations.clone(),
            created_at: status.created_at,
            ready: status.state == SandboxState::Ready,
            asked: false,
        }
    }
}

impl ContainerRecord {
    fn of(status: &ContainerStatus, owner: String, state: StateRecord) -> Self {
        Self {
            id: status.id.to_string(),
            sandbox: status.sandbox.to_string(),
            owner,
            name: status.name.clone(),
            attempt: status.attempt,
            image: status.image.clone(),
            image_id: status.image_id.clone(),
            labels: status.labels.clone(),
            annotations: status.annotations.clone(),
            created_at: status.created_at,
            state,
        }
    }
}

impl StateRecord {
    fn of(state: &ContainerState, asked_at: Option<Timestamp>) -> Self {
        match state {
            ContainerState::Created => Self::Created,
            ContainerState::Running { started_at } => Self::Running { started_at: *started_at },
            ContainerState::Exited(exit) => Self::Exited {
                started_at: exit.started_at,
                finished_at: exit.finished_at,
                code: exit.code,
                oom_killed: exit.oom_killed,
                message: exit.message.clone(),
                asked_at: asked_at.filter(|asked| *asked <= exit.finished_at),
            },
        }
    }
}

impl From<&Image> for ImageRecord {
    fn from(image: &Image) -> Self {
        let user = image.user.as_ref().map(|user| match user {
            User::Id(id) => id.to_string(),
            User::Name(name) => name.clone(),
        });
        let Image { id, tags, digests, size_bytes, .. } = image.clone();
        Self { id, tags, digests, size_bytes, user }
    }
}

impl ImageRecord {
    /// The image that it was.
    pub fn image(&self) -> Image {
        let user = self.user.as_ref().map(|user| user.parse().map_or_else(|_| User::Name(user.clone()), User::Id));
        Image { id: self.id.clone(), tags: self.tags.clone(), digests: self.digests.clone(), size_bytes: self.size_bytes, user }
    }
}

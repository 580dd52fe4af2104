//! Containers that only exist in (simulated) time. They keep the contract of the real ones, and what happens to them is told by
//! annotations (see `plan`), by their commands where those are among a few that everybody knows (see `program`), and by whoever holds
//! the [`Simulated`], which can take images away, kill, and stop answering.

mod journal;
mod plan;
mod program;
mod script;
mod streams;
mod world;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use parking_lot::{Mutex, MutexGuard};
use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

pub use self::script::{Act, Fate, Script};
use self::world::{Container, Ending, World};
use super::event_hub::EventHub;
use super::image::canonical;
use super::{
    AttachOptions, ContainerFilter, ContainerId, ContainerRuntime, ContainerSpec, ContainerStats, ContainerStatus, Duplex, Error,
    ExecOptions, ExecOutput, Image, Labels, LogLine, LogOptions, PullProgress, RegistryAuth, Result, RuntimeChange, RuntimeEvent,
    RuntimeInfo, SandboxId, SandboxSpec, SandboxStatus, Session,
};
use crate::runtime::clock::WallClock;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{AddressPool, Cidr};
use crate::runtime::recording::Verb;

/// How long things take on a simulated node, and what it has.
#[derive(Clone, Debug)]
pub struct Profile {
    pub pull: Duration,
    pub sandbox_start: Duration,
    pub container_start: Duration,
    /// By which fraction those times vary, up and down, at random.
    pub jitter: f64,
    pub cpus: u64,
    pub memory_bytes: u64,
    pub storage_bytes: u64,
    /// Why pulls of these references fail.
    pub bad_images: BTreeMap<String, String>,
    /// What it says that it is, in place of the truth.
    pub poses_as: Option<RuntimeInfo>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            pull: Duration::from_millis(800),
            sandbox_start: Duration::from_millis(100),
            container_start: Duration::from_millis(50),
            jitter: 0.2,
            cpus: 4,
            memory_bytes: 16 << 30,
            storage_bytes: 100 << 30,
            bad_images: BTreeMap::new(),
            poses_as: None,
        }
    }
}

/// The simulated runtime of one node. Clones are the same node.
#[derive(Clone)]
pub struct Simulated {
    inner: Arc<Inner>,
}

struct Inner {
    profile: Profile,
    hub: EventHub,
    world: Mutex<World>,
    witness: OnceLock<Witness>,
    script: OnceLock<Arc<dyn Script>>,
}

/// A container that has started, or ended with a code.
pub struct Happening<'a> {
    pub id: &'a ContainerId,
    /// Its pod's UID.
    pub owner: &'a str,
    pub name: &'a str,
    /// `None` for a start.
    pub exit: Option<i32>,
}

type Witness = Box<dyn Fn(Happening<'_>) + Send + Sync>;

impl Simulated {
    /// A node with nothing on it, whose sandboxes take addresses from `range`.
    pub fn new(profile: Profile, range: Cidr, entropy: Entropy) -> Self {
        let world = Mutex::new(World::new(AddressPool::new(range), entropy));
        Self { inner: Arc::new(Inner { profile, hub: EventHub::new(), world, witness: OnceLock::new(), script: OnceLock::new() }) }
    }

    /// From now on every verb answers [`Error::Unavailable`] with this reason; what runs runs on. `None` ends it.
    pub fn set_outage(&self, reason: Option<String>) {
        let ended = reason.is_none();
        self.inner.world.lock().outage = reason;
        if ended {
            self.inner.hub.publish(RuntimeEvent::Relist);
        }
    }

    /// From now on every start and end of a container is told to this, at the moment it happens. It must not call back. The first one
    /// that is given stays.
    pub fn on_happening(&self, witness: impl Fn(Happening<'_>) + Send + Sync + 'static) {
        let _ = self.inner.witness.set(Box::new(witness));
    }

    /// The machine's wall clock, by which all that it reports happened.
    pub fn clock(&self) -> WallClock {
        self.inner.world.lock().clock.clone()
    }

    /// From now on no image can be pulled, for this reason. `None` ends it.
    pub fn set_registry_outage(&self, reason: Option<String>) {
        self.inner.world.lock().registry_outage = reason;
    }

    /// A container runs on and does nothing: what connects to its pod or runs in it fails, until it is started anew.
    pub fn wedge(&self, id: &ContainerId) {
        self.inner.world.lock().wedged.insert(id.clone());
    }

    /// Whether whoever connects to that address of a pod on this node finds somebody.
    pub fn answers(&self, ip: IpAddr) -> bool {
        self.inner.world.lock().answers(ip)
    }

    /// Ends a container as something from outside would.
    pub fn kill(&self, id: &ContainerId, code: i32, oom_killed: bool) {
        self.inner.end(id, Ending { after: Duration::ZERO, code, oom_killed });
    }

    /// The machine goes down and comes up: nothing runs any more, all that was made is still there to be removed.
    pub fn reboot(&self) {
        // The lock is not to be held in the loop: each of its rounds takes it again.
        let sandboxes = self.inner.world.lock().sandbox_ids();
        for id in sandboxes {
            self.inner.stop_sandbox(&id);
        }
        self.inner.hub.publish(RuntimeEvent::Relist);
    }

    fn world(&self) -> Result<MutexGuard<'_, World>> {
        let world = self.inner.world.lock();
        match &world.outage {
            Some(reason) => Err(Error::Unavailable(reason.clone())),
            None => Ok(world),
        }
    }

    fn check_outage(&self) -> Result<()> {
        self.world().map(drop)
    }

    /// Lets about `duration` pass, as the profile's jitter has it.
    async fn spend(&self, duration: Duration) {
        let jitter = self.inner.profile.jitter;
        let factor = 1.0 + jitter * self.inner.world.lock().entropy.rng().random_range(-1.0..=1.0);
        tokio::time::sleep(duration.mul_f64(factor.max(0.0))).await;
    }
}

impl Inner {
    fn publish(&self, id: &ContainerId, owner: String, change: RuntimeChange) {
        self.hub.publish(RuntimeEvent::Container { id: id.clone(), owner, change });
    }

    fn publish_sandbox(&self, id: &SandboxId, owner: String, change: RuntimeChange) {
        self.hub.publish(RuntimeEvent::Sandbox { id: id.clone(), owner, change });
    }

    fn tell(&self, happening: Happening<'_>) {
        if let Some(witness) = self.witness.get() {
            witness(happening);
        }
    }

    fn end(&self, id: &ContainerId, ending: Ending) {
        let mut world = self.world.lock();
        let Ok(container) = world.container_mut(id) else { return };
        if container.end(ending) {
            let owner = container.owner.clone();
            self.tell(Happening { id, owner: &owner, name: &container.spec.name, exit: Some(ending.code) });
            self.publish(id, owner, RuntimeChange::Exited);
        }
    }

    fn kill(&self, id: &ContainerId) {
        self.end(id, Ending { after: Duration::ZERO, code: 137, oom_killed: false });
    }

    fn containers_of(&self, sandbox: &SandboxId) -> Vec<ContainerId> {
        let filter = ContainerFilter::in_sandbox(sandbox);
        self.world.lock().containers(&filter).map(|(id, _)| id.clone()).collect()
    }

    fn stop_sandbox(&self, id: &SandboxId) {
        self.containers_of(id).iter().for_each(|container| self.kill(container));
        let stopped = self.world.lock().stop_sandbox(id);
        if let Some(owner) = stopped {
            self.publish_sandbox(id, owner, RuntimeChange::Exited);
        }
    }

    fn remove_container(&self, id: &ContainerId) {
        self.kill(id);
        let removed = self.world.lock().remove_container(id);
        if let Some(owner) = removed {
            self.publish(id, owner, RuntimeChange::Removed);
        }
    }

    /// Lets a container that runs end when it is planned to.
    fn schedule_end(self: &Arc<Self>, container: &mut Container, id: &ContainerId) {
        let Some(ending) = container.planned_end() else { return };
        let (inner, id) = (Arc::downgrade(self), id.clone());
        let timer = tokio::spawn(async move {
            tokio::time::sleep(ending.after).await;
            if let Some(inner) = inner.upgrade() {
                inner.end(&id, ending);
            }
        });
        container.timer = Some(AbortOnDropHandle::new(timer));
    }

    /// Starts a container that was created, and sees to its end.
    fn start(self: &Arc<Self>, id: &ContainerId) -> Result<()> {
        let mut world = self.world.lock();
        world.ready_sandbox(&world.container(id)?.sandbox)?;
        let container = world.container_mut(id)?;
        container.check_created()?;
        if let Some(message) = container.plan.start_error.clone() {
            container.fail_to_start(&message);
            return Err(Error::StartFailed(message));
        }
        if let Some(script) = self.script.get() {
            container.follow(script.fate(&container.owner, &container.spec.name, container.spec.attempt));
        }
        container.run();
        self.schedule_end(container, id);
        let owner = container.owner.clone();
        self.tell(Happening { id, owner: &owner, name: &container.spec.name, exit: None });
        self.publish(id, owner, RuntimeChange::Started);
        Ok(())
    }
}

/// The image that the simulated registry has under a canonical reference.
fn registry_image(reference: String) -> Image {
    let digest = Sha256::digest(reference.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = reference.split_once('@').map_or(&*reference, |(name, _)| name).to_owned();
    let digests = vec![format!("{}@sha256:{hex}", name.rsplit_once(':').map_or(&*name, |(name, _)| name))];
    let size_bytes = (u64::from(digest[0]) + 1) << 20;
    Image { id: format!("sha256:{hex}"), tags: vec![reference], digests, size_bytes, user: None }
}

#[async_trait]
impl ContainerRuntime for Simulated {
    async fn info(&self) -> Result<RuntimeInfo> {
        self.check_outage()?;
        if let Some(info) = &self.inner.profile.poses_as {
            return Ok(info.clone());
        }
        Ok(RuntimeInfo {
            name: "simulated".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: "simulated".to_owned(),
            operating_system: "Kabuki simulation".to_owned(),
            architecture: "amd64".to_owned(),
            cpus: self.inner.profile.cpus,
            memory_bytes: self.inner.profile.memory_bytes,
            storage_bytes: self.inner.profile.storage_bytes,
            warning: None,
        })
    }

    async fn set_pod_range(&self, range: Cidr) -> Result<()> {
        self.world()?.set_range(range);
        Ok(())
    }

    async fn run_sandbox(&self, spec: &SandboxSpec) -> Result<SandboxId> {
        self.check_outage()?;
        match self.act(Verb::RunSandbox, &spec.uid, &spec.name, spec.attempt).await {
            Some(outcome) => drop(outcome?),
            None => self.spend(self.inner.profile.sandbox_start).await,
        }
        let id = self.world()?.add_sandbox(spec)?;
        self.inner.publish_sandbox(&id, spec.uid.clone(), RuntimeChange::Created);
        self.inner.publish_sandbox(&id, spec.uid.clone(), RuntimeChange::Started);
        Ok(id)
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.check_outage()?;
        self.inner.stop_sandbox(id);
        Ok(())
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.check_outage()?;
        self.inner.stop_sandbox(id);
        self.inner.containers_of(id).iter().for_each(|container| self.inner.remove_container(container));
        let removed = self.inner.world.lock().remove_sandbox(id);
        if let Some(owner) = removed {
            self.inner.publish_sandbox(id, owner, RuntimeChange::Removed);
        }
        Ok(())
    }

    async fn sandbox_status(&self, id: &SandboxId) -> Result<SandboxStatus> {
        Ok(self.world()?.sandbox(id)?.status(id))
    }

    async fn list_sandboxes(&self, labels: &Labels) -> Result<Vec<SandboxStatus>> {
        Ok(self.world()?.sandbox_statuses(labels))
    }

    async fn create_container(&self, sandbox: &SandboxId, spec: &ContainerSpec) -> Result<ContainerId> {
        let image = self.image(&spec.image).await?;
        let of = self.world()?.sandbox(sandbox)?.spec.uid.clone();
        if let Some(outcome) = self.act(Verb::CreateContainer, &of, &spec.name, spec.attempt).await {
            outcome?;
        }
        let (id, owner) = self.world()?.add_container(sandbox, spec, image.id)?;
        self.inner.publish(&id, owner, RuntimeChange::Created);
        Ok(id)
    }

    async fn start_container(&self, id: &ContainerId) -> Result<()> {
        let (delay, owner, name, attempt) = {
            let world = self.world()?;
            let container = world.container(id)?;
            container.check_created()?;
            (container.plan.start_delay, container.owner.clone(), container.spec.name.clone(), container.spec.attempt)
        };
        match (self.act(Verb::StartContainer, &owner, &name, attempt).await, delay) {
            (Some(outcome), _) => drop(outcome?),
            (None, Some(delay)) => tokio::time::sleep(delay).await,
            (None, None) => self.spend(self.inner.profile.container_start).await,
        }
        self.check_outage()?;
        self.inner.start(id)
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        let (mut exit, ending) = {
            let world = self.world()?;
            match world.container(id) {
                Ok(container) if container.is_running() => (container.exit.subscribe(), container.stop()),
                _ => return Ok(()),
            }
        };
        let killed = Ending { after: grace, code: 137, oom_killed: false };
        let ending = ending.filter(|ending| ending.after <= grace).unwrap_or(killed);
        tokio::select! { biased;
            _ = exit.wait_for(Option::is_some) => {}
            () = tokio::time::sleep(ending.after) => self.inner.end(id, ending),
        }
        Ok(())
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<()> {
        self.check_outage()?;
        self.inner.remove_container(id);
        Ok(())
    }

    async fn container_status(&self, id: &ContainerId) -> Result<ContainerStatus> {
        Ok(self.world()?.container(id)?.status(id))
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStatus>> {
        Ok(self.world()?.containers(filter).map(|(id, container)| container.status(id)).collect())
    }

    async fn exec_sync(&self, id: &ContainerId, command: &[String], timeout: Duration) -> Result<ExecOutput> {
        let session = self.exec(id, &ExecOptions { command: command.to_vec(), stdout: true, stderr: true, ..Default::default() }).await?;
        tokio::time::timeout(timeout, session.output()).await.map_err(|_| Error::Timeout(timeout))?
    }

    async fn exec(&self, id: &ContainerId, options: &ExecOptions) -> Result<Session> {
        let world = self.world()?;
        let container = world.container(id)?;
        container.check_running()?;
        if world.wedged.contains(id) {
            return Err(Error::Failed("nothing in the container answers".to_owned()));
        }
        Ok(streams::exec(container, options))
    }

    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Session> {
        let world = self.world()?;
        let container = world.container(id)?;
        container.check_running()?;
        let (inner, id) = (Arc::downgrade(&self.inner), id.clone());
        let end = move |code| {
            if let Some(inner) = inner.upgrade() {
                inner.end(&id, Ending { after: Duration::ZERO, code, oom_killed: false });
            }
        };
        Ok(streams::attach(container, options, end))
    }

    async fn port_forward(&self, id: &SandboxId, port: u16) -> Result<Box<dyn Duplex>> {
        let world = self.world()?;
        world.ready_sandbox(id)?;
        if !world.containers(&ContainerFilter::in_sandbox(id)).any(|(_, container)| container.is_running()) {
            return Err(Error::NotFound { what: "listening port", name: port.to_string() });
        }
        Ok(Box::new(streams::echo()))
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<BoxStream<'static, Result<LogLine>>> {
        Ok(streams::logs(self.world()?.container(id)?, options))
    }

    async fn pull_image(
        &self,
        reference: &str,
        _auth: Option<&RegistryAuth>,
        progress: Option<mpsc::Sender<PullProgress>>,
    ) -> Result<Image> {
        self.check_outage()?;
        let image = registry_image(canonical(reference)?);
        if let Some(outcome) = self.act(Verb::PullImage, "", reference, 0).await {
            let image = outcome?.unwrap_or(image);
            self.world()?.put_image(reference, image.clone());
            return Ok(image);
        }
        self.spend(self.inner.profile.pull).await;
        if let Some(reason) = self.world()?.registry_outage.clone() {
            return Err(Error::PullFailed { image: reference.to_owned(), reason });
        }
        if let Some(reason) = self.inner.profile.bad_images.get(reference) {
            return Err(Error::PullFailed { image: reference.to_owned(), reason: reason.clone() });
        }
        if let Some(progress) = progress {
            let (phase, total) = ("Downloading".to_owned(), image.size_bytes);
            let _ = progress.try_send(PullProgress { phase, layer: None, done_bytes: total, total_bytes: Some(total) });
        }
        self.world()?.images.insert(image.tags[0].clone(), image.clone());
        Ok(image)
    }

    async fn image(&self, reference: &str) -> Result<Image> {
        let world = self.world()?;
        let by_id = || world.images.values().find(|image| image.id == reference);
        let found = by_id().or_else(|| world.images.get(&canonical(reference).ok()?));
        found.cloned().ok_or_else(|| Error::ImageNotFound(reference.to_owned()))
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(self.world()?.images.values().cloned().collect())
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let image = match self.image(reference).await {
            Err(Error::ImageNotFound(_)) => return Ok(()),
            image => image?,
        };
        let mut world = self.world()?;
        if world.containers(&ContainerFilter::default()).any(|(_, container)| container.uses(&image)) {
            return Err(Error::Conflict(format!("image {reference} is in use")));
        }
        world.images.retain(|_, present| present.id != image.id);
        Ok(())
    }

    async fn stats(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStats>> {
        Ok(self.world()?.containers(filter).filter_map(|(id, container)| container.stats(id)).collect())
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.inner.hub.subscribe()
    }
}

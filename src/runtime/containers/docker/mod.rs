//! Containers on a Docker engine (20.10 or newer), over its socket.
//!
//! A sandbox is a container too: one that runs the pause program and whose namespaces the others join. All that is known of either stands
//! in the engine and in labels that Kabuki wrote there, so whoever comes next finds it; what lacks those labels is never touched.

mod blueprint;
mod cgroups;
mod connections;
mod engine;
mod errors;
mod events;
mod frames;
mod images;
mod labels;
mod logs;
mod pause;
mod reading;
mod sandboxes;
mod sessions;
mod stats;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptions, RemoveContainerOptions, StopContainerOptions,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use self::blueprint::Ground;
use self::engine::Engine;
use self::errors::from_bollard;
use self::labels::{CLUSTER, Home, KIND_CONTAINER, Sealed};
use self::reading::Inspected;
use super::event_hub::EventHub;
use super::{
    AttachOptions, ContainerFilter, ContainerId, ContainerRuntime, ContainerSpec, ContainerStats, ContainerStatus, Duplex, Error,
    ExecOptions, ExecOutput, Image, Labels, LogLine, LogOptions, PullProgress, RegistryAuth, Result, RuntimeEvent, RuntimeInfo, SandboxId,
    SandboxSpec, SandboxStatus, Session,
};
use crate::runtime::network::{Cidr, PodNetwork};

/// Which engine, and whose containers on it.
#[derive(Clone)]
pub struct DockerOptions {
    /// The path of the engine's socket.
    pub socket: String,
    /// Two clusters with different names know nothing of each other's containers.
    pub cluster: String,
    pub node: String,
    /// Who gives sandboxes their network; the engine's bridge if nobody.
    pub network: Option<Arc<dyn PodNetwork>>,
}

impl DockerOptions {
    /// Where Docker listens unless told otherwise.
    pub const SOCKET: &str = "/var/run/docker.sock";

    /// Where the engine is that `DOCKER_HOST`, if it is set, names: an engine's clients agree on that variable.
    ///
    /// # Errors
    /// It names no socket of this machine. Pods' files and networks are made here, so an engine elsewhere could not run them.
    pub fn socket_named_by(docker_host: Option<&str>) -> Result<String> {
        let Some(host) = docker_host.filter(|host| !host.is_empty()) else { return Ok(Self::SOCKET.to_owned()) };
        match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(path.to_owned()),
            _ => Err(Error::Unavailable(format!(
                "DOCKER_HOST is {host:?}, and an engine has to be on this machine, where its pods' files and networks are: \
                 set it to unix:///PATH, or unset it"
            ))),
        }
    }
}

/// One node's containers on a Docker engine.
pub struct Docker {
    engine: Engine,
    home: Home,
    ground: Ground,
    network: Option<Arc<dyn PodNetwork>>,
    /// Containers that were made here and not started yet.
    fresh: Mutex<BTreeSet<ContainerId>>,
    hub: Arc<EventHub>,
    _events: AbortOnDropHandle<()>,
}

/// How many requests are under way at once when many containers are asked about.
const CONCURRENCY: usize = 8;

impl Docker {
    /// Connects to an engine. [`Error::Unavailable`] says, in a line for people, that there is none or that it is too old.
    pub async fn connect(options: DockerOptions) -> Result<Self> {
        let engine = Engine::connect(&options.socket).await?;
        let info = engine.client.info().await.map_err(from_bollard)?;
        let ground = Ground {
            systemd_cgroups: info.cgroup_driver.is_some_and(|driver| driver.to_string() == "systemd"),
            may_protect_from_oom: cgroups::may_protect_from_oom(),
            network: if options.network.is_some() { "none" } else { "bridge" }.to_owned(),
        };
        let home = Home { cluster: options.cluster, node: options.node };
        let hub = Arc::new(EventHub::new());
        let events = tokio::spawn(events::pump(engine.clone(), home.clone(), hub.clone()));
        Ok(Self { engine, home, ground, network: options.network, fresh: Mutex::default(), hub, _events: AbortOnDropHandle::new(events) })
    }

    /// Removes every container that any node of a cluster made on this engine. Images stay, for the next cluster.
    pub async fn remove_everything(socket: &str, cluster: &str) -> Result<()> {
        let engine = Engine::connect(socket).await?;
        let made = list(&engine, vec![format!("{CLUSTER}={cluster}")], true).await?;
        let mut parents = Vec::new();
        // Newest first: those that joined a sandbox's namespaces came after it.
        for id in made.into_iter().filter_map(|summary| summary.id) {
            if let Ok(found) = inspect(&engine, &id).await {
                parents.extend(found.cgroup_parent);
            }
            remove(&engine, &id).await?;
        }
        parents.iter().for_each(|parent| cgroups::remove_with_ancestors(parent));
        Ok(())
    }

    /// Makes an image of a root file system (a tar archive), without any registry. The reference has a tag.
    pub async fn import_image(&self, reference: &str, root: Bytes) -> Result<()> {
        images::import(&self.engine, reference, root).await
    }

    /// A container that this node made.
    async fn inspect(&self, id: &ContainerId) -> Result<Inspected> {
        inspect(&self.engine, &id.0).await
    }

    async fn list(&self, kind: &str, all: bool) -> Result<Vec<ContainerSummary>> {
        list(&self.engine, self.home.filter(Some(kind)), all).await
    }

    /// The ids of the containers that pass the filter.
    async fn select(&self, filter: &ContainerFilter, all: bool) -> Result<Vec<ContainerId>> {
        let listed = self.list(KIND_CONTAINER, all).await?;
        let passes = |summary: &ContainerSummary| {
            let sealed = Sealed::read(summary.labels.as_ref().unwrap_or(&Default::default()));
            filter.sandbox.as_ref().is_none_or(|id| *id.0 == *sealed.sandbox) && carries(&sealed.labels, &filter.labels)
        };
        Ok(listed.into_iter().filter(passes).filter_map(|summary| Some(ContainerId(summary.id?.into()))).collect())
    }

    /// Runs a command and remembers the engine's name of it.
    async fn run(&self, id: &ContainerId, options: &ExecOptions) -> Result<sessions::Exec> {
        sessions::exec(&self.engine, &id.0, options).await
    }
}

fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Of the file system on which the engine keeps containers; 0 where this process cannot see it.
fn size_of_storage(root: &str) -> u64 {
    nix::sys::statvfs::statvfs(root).map_or(0, |found| found.blocks() * found.fragment_size())
}

async fn inspect(engine: &Engine, id: &str) -> Result<Inspected> {
    let inspected = engine.client.inspect_container(id, None::<InspectContainerOptions>).await;
    inspected.map(Inspected::read).map_err(from_bollard)
}

/// Newest first.
async fn list(engine: &Engine, labels: Vec<String>, all: bool) -> Result<Vec<ContainerSummary>> {
    let options = ListContainersOptions { all, filters: Some([("label".to_owned(), labels)].into()), ..Default::default() };
    engine.client.list_containers(Some(options)).await.map_err(from_bollard)
}

/// Answers when the process has ended. What is gone, or has ended, is well.
async fn stop(engine: &Engine, id: &str, grace: Duration) -> Result<()> {
    let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    let options = StopContainerOptions { t: Some(seconds.min(i32::MAX as u64) as i32), ..Default::default() };
    // The engine answers only when the grace is over.
    let client = engine.client.clone().with_timeout(engine.client.timeout() + grace);
    match client.stop_container(id, Some(options)).await.map_err(from_bollard) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

async fn remove(engine: &Engine, id: &str) -> Result<()> {
    let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
    match engine.client.remove_container(id, Some(options)).await.map_err(from_bollard) {
        // Somebody else is at it.
        Err(Error::Conflict(message)) if message.contains("already in progress") => Ok(()),
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[async_trait]
impl ContainerRuntime for Docker {
    async fn info(&self) -> Result<RuntimeInfo> {
        let info = self.engine.client.info().await.map_err(from_bollard)?;
        let text = |text: Option<String>| text.unwrap_or_default();
        Ok(RuntimeInfo {
            name: "docker".to_owned(),
            version: text(info.server_version),
            kernel: text(info.kernel_version),
            operating_system: text(info.operating_system),
            architecture: match info.architecture.as_deref() {
                Some("x86_64") => "amd64".to_owned(),
                Some("aarch64") => "arm64".to_owned(),
                other => other.unwrap_or_default().to_owned(),
            },
            cpus: info.ncpu.unwrap_or(0).max(0) as u64,
            memory_bytes: info.mem_total.unwrap_or(0).max(0) as u64,
            storage_bytes: size_of_storage(info.docker_root_dir.as_deref().unwrap_or("/")),
            warning: self.network.is_none().then(|| {
                "without root, pods are on Docker's bridge: their addresses are Docker's, and cluster IPs are reached from the host only"
                    .to_owned()
            }),
        })
    }

    async fn set_pod_range(&self, range: Cidr) -> Result<()> {
        match &self.network {
            Some(network) => network.set_range(range).await.map_err(|error| Error::Failed(error.to_string())),
            // The engine's bridge has its own.
            None => Ok(()),
        }
    }

    async fn run_sandbox(&self, spec: &SandboxSpec) -> Result<SandboxId> {
        self.make_sandbox(spec).await
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.end_sandbox(id).await
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()> {
        self.clear_sandbox(id).await
    }

    async fn sandbox_status(&self, id: &SandboxId) -> Result<SandboxStatus> {
        Ok(self.inspect_sandbox(id).await?.sandbox(self.own_address(id)))
    }

    async fn list_sandboxes(&self, labels: &Labels) -> Result<Vec<SandboxStatus>> {
        self.find_sandboxes(labels).await
    }

    async fn create_container(&self, sandbox: &SandboxId, spec: &ContainerSpec) -> Result<ContainerId> {
        let found = self.inspect_sandbox(sandbox).await?;
        if !found.is_running() {
            return Err(Error::Conflict(format!("sandbox {sandbox} is not ready")));
        }
        let labels = self.home.of_container(sandbox, &found.sealed, spec);
        let body = blueprint::container(spec, sandbox, found.cgroup_parent, found.namespaces, labels, &self.ground)?;
        let name = Some(blueprint::container_name(sandbox, &found.sealed, spec));
        let options = CreateContainerOptions { name, ..Default::default() };
        match self.engine.client.create_container(Some(options), body).await.map_err(from_bollard) {
            Ok(created) => {
                let id = ContainerId(created.id.into());
                self.fresh.lock().insert(id.clone());
                Ok(id)
            }
            Err(Error::ImageNotFound(_)) => Err(Error::ImageNotFound(spec.image.clone())),
            Err(error) => Err(error),
        }
    }

    async fn start_container(&self, id: &ContainerId) -> Result<()> {
        let is_fresh = self.fresh.lock().remove(id);
        // The engine would start it again.
        if !is_fresh && !self.inspect(id).await?.is_fresh() {
            return Err(Error::Conflict(format!("container {id} has been started before")));
        }
        match self.engine.client.start_container(&id.0, None).await.map_err(from_bollard) {
            Ok(()) => Ok(()),
            Err(error @ Error::Unavailable(_)) => Err(error),
            Err(error) => Err(Error::StartFailed(error.to_string())),
        }
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        stop(&self.engine, &id.0, grace).await
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<()> {
        self.fresh.lock().remove(id);
        remove(&self.engine, &id.0).await
    }

    async fn container_status(&self, id: &ContainerId) -> Result<ContainerStatus> {
        self.inspect(id).await.map(Inspected::container)
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStatus>> {
        let ids = self.select(filter, true).await?;
        let inspected = stream::iter(ids).map(|id| async move { self.container_status(&id).await });
        // What has gone since it was listed is not there.
        let present = inspected.buffered(CONCURRENCY).filter(|status| {
            let gone = status.as_ref().is_err_and(Error::is_not_found);
            std::future::ready(!gone)
        });
        let mut statuses: Vec<_> = present.try_collect().await?;
        statuses.sort_by_key(|status| status.created_at);
        Ok(statuses)
    }

    async fn exec_sync(&self, id: &ContainerId, command: &[String], timeout: Duration) -> Result<ExecOutput> {
        let options = ExecOptions { command: command.to_vec(), stdout: true, stderr: true, ..Default::default() };
        let exec = self.run(id, &options).await?;
        match tokio::time::timeout(timeout, exec.session.output()).await {
            Ok(output) => output,
            Err(_) => {
                cgroups::kill_exec(&self.engine, &exec.id).await;
                Err(Error::Timeout(timeout))
            }
        }
    }

    async fn exec(&self, id: &ContainerId, options: &ExecOptions) -> Result<Session> {
        self.run(id, options).await.map(|exec| exec.session)
    }

    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Session> {
        let inspected = self.inspect(id).await?;
        if !inspected.is_running() {
            return Err(Error::Conflict(format!("container {id} is not running")));
        }
        sessions::attach(&self.engine, &id.0, inspected.tty, options).await
    }

    async fn port_forward(&self, id: &SandboxId, port: u16) -> Result<Box<dyn Duplex>> {
        self.connect_to(id, port).await
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<BoxStream<'static, Result<LogLine>>> {
        let inspected = self.inspect(id).await?;
        logs::logs(&self.engine, &id.0, inspected.tty, options).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        auth: Option<&RegistryAuth>,
        progress: Option<mpsc::Sender<PullProgress>>,
    ) -> Result<Image> {
        images::pull(&self.engine, reference, auth, progress).await
    }

    async fn image(&self, reference: &str) -> Result<Image> {
        images::image(&self.engine, reference).await
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        images::list(&self.engine).await
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        images::remove(&self.engine, reference).await
    }

    async fn stats(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStats>> {
        let ids = self.select(filter, false).await?;
        let stats = stream::iter(ids).map(|id| async move { stats::stats(&self.engine, self.container_status(&id).await?).await });
        let present = stats.buffered(CONCURRENCY).filter(|stats| {
            let gone = stats.as_ref().is_err_and(Error::is_not_found);
            std::future::ready(!gone)
        });
        present.try_collect().await
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.hub.subscribe()
    }
}

//! Containers in the verbs of the Container Runtime Interface.
//!
//! Architecture invariant: nothing here knows what a pod is. A sandbox is a set of Linux namespaces that its containers share; whose it is
//! stands in opaque names and labels. What runs is the truth: a runtime keeps nothing that it could not read back from the world, so a
//! process that starts again finds what an earlier one left.

mod container;
pub mod docker;
mod error;
mod event_hub;
mod image;
mod log;
mod sandbox;
mod session;
pub mod simulated;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use crate::runtime::network::Cidr;

pub use container::{
    Capabilities, ContainerFilter, ContainerId, ContainerSpec, ContainerState, ContainerStats, ContainerStatus, Exit, LogLimits, Mount,
    Propagation, Resources, Seccomp, Security, User,
};
pub use error::{Error, Result};
pub use image::{Image, PullProgress, RegistryAuth};
pub use log::{LogLine, LogOptions, LogStream};
pub use sandbox::{Dns, Namespaces, PidNamespace, PortMapping, Protocol, SandboxId, SandboxSpec, SandboxState, SandboxStatus};
pub use session::{AttachOptions, Duplex, ExecOptions, ExecOutput, Session, TerminalSize};

/// Opaque names and values that a sandbox, container or event carries. Ordered, so that what follows from them is repeatable.
pub type Labels = BTreeMap<String, String>;

/// What runs the containers of one node. All verbs may be called at once from anywhere. A verb that names something gone answers
/// [`Error::NotFound`], save those that end things, which are idempotent: what is gone already has been stopped and removed.
#[async_trait]
pub trait ContainerRuntime: Send + Sync + 'static {
    /// What this runtime is. [`Error::Unavailable`] if it does not answer.
    async fn info(&self) -> Result<RuntimeInfo>;

    /// The range from which this node's sandboxes take their addresses; sandboxes made earlier keep theirs.
    async fn set_pod_range(&self, range: Cidr) -> Result<()>;

    /// Makes and starts a sandbox: its namespaces, its network, its address. Fails whole: what it made of a sandbox that failed is removed.
    async fn run_sandbox(&self, spec: &SandboxSpec) -> Result<SandboxId>;

    /// Kills what still runs in a sandbox and gives its address back.
    async fn stop_sandbox(&self, id: &SandboxId) -> Result<()>;

    /// Removes a sandbox and all its containers, which it stops first.
    async fn remove_sandbox(&self, id: &SandboxId) -> Result<()>;

    async fn sandbox_status(&self, id: &SandboxId) -> Result<SandboxStatus>;

    /// All sandboxes of this node that carry these labels, oldest first.
    async fn list_sandboxes(&self, labels: &Labels) -> Result<Vec<SandboxStatus>>;

    /// Makes a container, whose image must be present, in a sandbox that is ready.
    async fn create_container(&self, sandbox: &SandboxId, spec: &ContainerSpec) -> Result<ContainerId>;

    /// Starts a container once. [`Error::StartFailed`] says what its command lacks.
    async fn start_container(&self, id: &ContainerId) -> Result<()>;

    /// Sends the container's stop signal, waits `grace`, then kills it. Answers when it has ended.
    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<()>;

    /// Removes a container and its log; kills it first if it runs.
    async fn remove_container(&self, id: &ContainerId) -> Result<()>;

    async fn container_status(&self, id: &ContainerId) -> Result<ContainerStatus>;

    /// All containers of this node that pass the filter, oldest first.
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStatus>>;

    /// Runs a command in a running container and gathers what it prints (at most [`ExecOutput::LIMIT`] bytes a stream; the rest is dropped).
    /// [`Error::Timeout`] if it has not ended in time.
    async fn exec_sync(&self, id: &ContainerId, command: &[String], timeout: Duration) -> Result<ExecOutput>;

    /// Runs a command in a running container, with its streams.
    async fn exec(&self, id: &ContainerId, options: &ExecOptions) -> Result<Session>;

    /// The streams of a running container's own process.
    async fn attach(&self, id: &ContainerId, options: &AttachOptions) -> Result<Session>;

    /// A connection to a TCP port on the loopback of the sandbox.
    async fn port_forward(&self, id: &SandboxId, port: u16) -> Result<Box<dyn Duplex>>;

    /// What a container has printed, from the oldest line that is kept. With `follow` the stream ends when the container has.
    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<BoxStream<'static, Result<LogLine>>>;

    /// Pulls an image, whether or not it is present. Progress is offered, never waited for.
    async fn pull_image(&self, reference: &str, auth: Option<&RegistryAuth>, progress: Option<mpsc::Sender<PullProgress>>)
    -> Result<Image>;

    /// The image of that name, digest or id, if it is present; else [`Error::ImageNotFound`].
    async fn image(&self, reference: &str) -> Result<Image>;

    async fn list_images(&self) -> Result<Vec<Image>>;

    /// Removes an image that no container uses.
    async fn remove_image(&self, reference: &str) -> Result<()>;

    /// What the running containers that pass the filter use now.
    async fn stats(&self, filter: &ContainerFilter) -> Result<Vec<ContainerStats>>;

    /// All changes from now on. The first event is [`RuntimeEvent::Relist`]: who lists upon each of those and reads on has missed nothing.
    fn events(&self) -> BoxStream<'static, RuntimeEvent>;
}

/// What a runtime says about itself, as a node reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// `docker`, `simulated`.
    pub name: String,
    pub version: String,
    pub kernel: String,
    pub operating_system: String,
    /// As Go and image indices call it: `amd64`, `arm64`.
    pub architecture: String,
    pub cpus: u64,
    pub memory_bytes: u64,
    /// Where containers write; 0 if it is not known.
    pub storage_bytes: u64,
    /// One sentence a person should read, if this runtime cannot do all that it should.
    pub warning: Option<String>,
}

/// A change of what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// Events may have been missed: list anew.
    Relist,
    Sandbox {
        id: SandboxId,
        /// [`SandboxSpec::uid`].
        owner: String,
        change: RuntimeChange,
    },
    Container {
        id: ContainerId,
        /// [`SandboxSpec::uid`] of its sandbox.
        owner: String,
        change: RuntimeChange,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeChange {
    Created,
    Started,
    /// It ended by itself or was stopped.
    Exited,
    Removed,
}

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Labels, SandboxId};

/// The runtime's name of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub Arc<str>);

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A container as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Unique with `attempt` in its sandbox.
    pub name: String,
    /// Counts the containers of that name that its sandbox's owner has had.
    pub attempt: u32,
    /// A name, digest or id of an image that is present.
    pub image: String,
    /// Replaces the image's entrypoint, and its arguments too, unless empty.
    pub command: Vec<String>,
    /// Replaces the image's arguments, unless empty.
    pub args: Vec<String>,
    /// Added to the image's; a later one of the same name wins.
    pub env: Vec<(String, String)>,
    pub working_dir: Option<String>,
    pub mounts: Vec<Mount>,
    pub resources: Resources,
    pub security: Security,
    pub tty: bool,
    /// Whether its standard input is open to [`super::ContainerRuntime::attach`].
    pub stdin: bool,
    /// Whether its standard input ends with the first attached client.
    pub stdin_once: bool,
    /// What asks it to stop, e.g. `SIGTERM`; the image's or SIGTERM if `None`.
    pub stop_signal: Option<String>,
    /// The running container whose processes it sees, whatever its sandbox says.
    pub processes_of: Option<ContainerId>,
    pub log: LogLimits,
    pub labels: Labels,
    pub annotations: Labels,
}

/// A file or directory of the host within the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Absolute; must exist.
    pub source: PathBuf,
    /// Absolute.
    pub target: String,
    pub read_only: bool,
    pub propagation: Propagation,
}

/// Which later mounts are seen on the other side (`mount_namespaces(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    #[default]
    Private,
    HostToContainer,
    Bidirectional,
}

/// What a container may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Its weight where CPUs are scarce, in thousandths of one; the smallest weight if 0.
    pub cpu_request_millis: u64,
    pub cpu_limit_millis: Option<u64>,
    pub memory_limit_bytes: Option<u64>,
    /// Who goes first when memory ends: -1000 (never) to 1000.
    pub oom_score_adj: i32,
    pub pids_limit: Option<u64>,
}

/// What a container's processes are allowed to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    pub privileged: bool,
    /// The image's if `None`.
    pub user: Option<User>,
    pub group: Option<u32>,
    pub supplementary_groups: Vec<u32>,
    pub capabilities: Capabilities,
    pub read_only_root: bool,
    pub no_new_privileges: bool,
    pub seccomp: Seccomp,
    /// The name of an AppArmor profile.
    pub apparmor: Option<String>,
    /// Whether all of /proc is open (`procMount: Unmasked`).
    pub unmasked_proc: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    Id(u32),
    Name(String),
}

/// Changes to the runtime's default set, by names without `CAP_`, or `ALL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub add: Vec<String>,
    pub drop: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seccomp {
    /// The runtime's own profile.
    #[default]
    RuntimeDefault,
    Unconfined,
    /// A profile in a file of the host.
    File(PathBuf),
}

/// Bounds on what a container's log may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    pub max_file_bytes: u64,
    pub max_files: u32,
}

impl Default for LogLimits {
    /// The kubelet's: five files of 10 MiB.
    fn default() -> Self {
        Self { max_file_bytes: 10 << 20, max_files: 5 }
    }
}

/// Which containers are meant: those of the sandbox, if one is named, that carry all the labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFilter {
    pub sandbox: Option<SandboxId>,
    pub labels: Labels,
}

impl ContainerFilter {
    /// All containers of a sandbox.
    pub fn in_sandbox(id: &SandboxId) -> Self {
        Self { sandbox: Some(id.clone()), labels: Labels::new() }
    }
}

/// A container as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    pub id: ContainerId,
    pub sandbox: SandboxId,
    pub name: String,
    pub attempt: u32,
    pub state: ContainerState,
    pub created_at: Timestamp,
    /// As [`ContainerSpec::image`] had it.
    pub image: String,
    /// The content that runs: a digest or id.
    pub image_id: String,
    pub labels: Labels,
    pub annotations: Labels,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, never started.
    Created,
    Running {
        started_at: Timestamp,
    },
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// None if it could not be started.
    pub started_at: Option<Timestamp>,
    pub finished_at: Timestamp,
    /// Its exit status; 128 and the signal's number if a signal ended it.
    pub code: i32,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
    /// What the runtime has to say about it, e.g. why it could not be started; often empty.
    pub message: String,
}

impl Exit {
    /// The one-word reason that CRI runtimes report.
    pub fn reason(&self) -> &'static str {
        match self {
            Self { oom_killed: true, .. } => "OOMKilled",
            Self { started_at: None, .. } => "ContainerCannotRun",
            Self { code: 0, .. } => "Completed",
            _ => "Error",
        }
    }
}

/// What a container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    pub id: ContainerId,
    pub sandbox: SandboxId,
    pub name: String,
    pub labels: Labels,
    pub at: Timestamp,
    /// CPU time since it started.
    pub cpu_nanos: u64,
    pub memory_bytes: u64,
    /// What the kernel cannot take back at once: usage without inactive file pages.
    pub working_set_bytes: u64,
}

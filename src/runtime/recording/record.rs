//! What can be recorded.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::runtime::containers::{Error, Labels};

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// That of another one is not read.
    pub format: u32,
    /// The program's version.
    pub program: String,
    /// Tells the recordings of all clusters and times apart.
    pub recording: String,
    pub cluster: String,
    /// Counts the files of this recording, from 0.
    pub segment: u64,
    /// It holds secret data.
    pub secrets: bool,
}

/// Something that happened.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    #[serde(rename = "do")]
    pub record: Record,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Record {
    /// The process starts.
    Start(Start),
    /// It has been asked to stop, and does.
    Stop,
    /// It has a name server.
    NameServer {
        address: SocketAddr,
    },
    /// It has a node.
    Node(NodeRecord),
    /// An object that was there before.
    Object(ObjectRecord),
    /// An object as it was written; without a value it was deleted.
    Commit(ObjectRecord),
    /// A request came that changes something.
    Ask {
        id: u64,
        user: Value,
        what: Value,
    },
    /// It was answered with this code.
    Answer {
        id: u64,
        code: u16,
    },
    /// A container runtime did something, or could not.
    Act(ActRecord),
    /// A sandbox as it is from now on.
    Sandbox {
        node: String,
        sandbox: SandboxRecord,
    },
    SandboxGone {
        node: String,
        id: String,
    },
    /// A container as it is from now on.
    Container {
        node: String,
        container: ContainerRecord,
    },
    ContainerGone {
        node: String,
        id: String,
    },
    /// All that there is on a node when the process begins to look after it; what was there before besides has gone meanwhile.
    Present {
        node: String,
        sandboxes: Vec<String>,
        containers: Vec<String>,
    },
    /// An image that was there without a pull.
    Image {
        node: String,
        reference: String,
        image: ImageRecord,
    },
    /// What was found out about a container, the `nth` time of its kind; what is found next is the same until another one says else.
    Finding {
        owner: String,
        name: String,
        attempt: u32,
        what: String,
        nth: u64,
        good: bool,
    },
    /// The container runtime does not answer from now on, or does again.
    Outage {
        node: String,
        why: Option<String>,
    },
    /// An actor was killed by somebody.
    Kill {
        actor: String,
        user: String,
    },
    /// An actor panicked by itself.
    Panic {
        actor: String,
        message: String,
        location: String,
    },
    /// So many records found no place in the queue.
    Lost {
        records: u64,
    },
}

/// What a process is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Of all its chance, in hexadecimal.
    pub seed: String,
    pub service_range: String,
    pub pod_range: String,
    /// Where nodes reach the API.
    pub advertised: SocketAddr,
    /// The certificate of the cluster's authority.
    pub authority: String,
    /// Its store forgets with the process.
    pub forgets: bool,
}

/// A node, and what its runtime says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    pub pod_range: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub cluster_dns: Option<IpAddr>,
    pub runtime: String,
    pub version: String,
    pub kernel: String,
    pub operating_system: String,
    pub architecture: String,
    pub cpus: u64,
    pub memory_bytes: u64,
    pub storage_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ObjectRecord {
    pub collection: String,
    pub path: String,
    pub revision: u64,
    /// Without it the object is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
}

/// What a runtime is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    RunSandbox,
    CreateContainer,
    StartContainer,
    PullImage,
}

/// How a runtime did what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActRecord {
    pub node: String,
    pub verb: Verb,
    /// Whose sandbox it is; empty for an image.
    pub owner: String,
    /// The container's, or the image's reference.
    pub name: String,
    pub attempt: u32,
    pub took_micros: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRecord>,
}

/// Why it could not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRecord {
    pub id: String,
    pub tags: Vec<String>,
    pub digests: Vec<String>,
    pub size_bytes: u64,
    /// Who runs its processes: a name, or a number.
    pub user: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxRecord {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub attempt: u32,
    pub host_network: bool,
    pub ip: Option<IpAddr>,
    pub labels: Labels,
    pub annotations: Labels,
    pub created_at: Timestamp,
    pub ready: bool,
    /// It ended because it was asked to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRecord {
    pub id: String,
    pub sandbox: String,
    /// Of its sandbox.
    pub owner: String,
    pub name: String,
    pub attempt: u32,
    pub image: String,
    pub image_id: String,
    pub labels: Labels,
    pub annotations: Labels,
    pub created_at: Timestamp,
    pub state: StateRecord,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum StateRecord {
    Created,
    Running {
        started_at: Timestamp,
    },
    Exited {
        started_at: Option<Timestamp>,
        finished_at: Timestamp,
        code: i32,
        oom_killed: bool,
        message: String,
        /// When it was asked to stop, if it was.
        asked_at: Option<Timestamp>,
    },
}

const PULL: &str = "pull-failed";
const START: &str = "start-failed";
const NAME: &str = "invalid-image-name";
const IMAGE: &str = "image-not-found";
const SPEC: &str = "invalid";
const OUTAGE: &str = "unavailable";
const OTHER: &str = "failed";

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        let (kind, message) = match error {
            Error::PullFailed { reason, .. } => (PULL, reason.clone()),
            Error::StartFailed(why) => (START, why.clone()),
            Error::InvalidImageName(name) => (NAME, name.clone()),
            Error::ImageNotFound(name) => (IMAGE, name.clone()),
            Error::Invalid(why) => (SPEC, why.clone()),
            Error::Unavailable(why) => (OUTAGE, why.clone()),
            other => (OTHER, other.to_string()),
        };
        Self { kind: kind.to_owned(), message }
    }
}

impl Fault {
    /// The error that it was; `image` is the one that was asked for.
    pub fn error(&self, image: &str) -> Error {
        let message = self.message.clone();
        match self.kind.as_str() {
            PULL => Error::PullFailed { image: image.to_owned(), reason: message },
            START => Error::StartFailed(message),
            NAME => Error::InvalidImageName(message),
            IMAGE => Error::ImageNotFound(message),
            SPEC => Error::Invalid(message),
            OUTAGE => Error::Unavailable(message),
            _ => Error::Failed(message),
        }
    }
}

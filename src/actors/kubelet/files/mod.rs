//! The files that a node keeps for its pods: volumes, `/etc/hosts`, the places of last words.

mod host;
mod simulated;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

pub use host::HostFiles;
pub use simulated::SimulatedFiles;

/// The content of a volume: by path within it, with slashes.
pub type Payload = BTreeMap<String, Content>;

#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

/// Who may use a volume besides root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// `fsGroup`: files belong to it, and it may read (and write where the owner may).
    pub group: Option<u32>,
    /// Owns the files; root if `None`.
    pub user: Option<u32>,
}

/// A directory that is empty when its pod starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty {
    /// In memory (`medium: Memory`).
    pub memory: bool,
    pub size_limit_bytes: Option<u64>,
    pub ownership: Ownership,
}

/// A place below a pod's directory: its uid, and a path that the kubelet chose.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub pod: &'a str,
    pub path: &'a str,
}

/// The files of a node. All verbs are idempotent; errors are for people.
#[async_trait]
pub trait NodeFiles: Send + Sync + 'static {
    /// Makes an empty directory unless it is there.
    async fn empty(&self, place: Place<'_>, empty: Empty) -> io::Result<PathBuf>;

    /// Makes a directory hold exactly these files. Readers see all of the old content or all of the new (through the link `..data`).
    async fn write(&self, place: Place<'_>, payload: &Payload, ownership: Ownership) -> io::Result<PathBuf>;

    /// Makes a file hold these bytes in place, so that mounts of it show them.
    async fn file(&self, place: Place<'_>, bytes: &[u8], mode: u32) -> io::Result<PathBuf>;

    /// Checks a path of the host, and makes it where its type (`v1.HostPathType`) says so.
    async fn host_path(&self, path: &Path, kind: &str) -> io::Result<PathBuf>;

    /// The place of a relative path within a volume, made as a directory unless it is there. It never leads out of the volume.
    async fn sub_path(&self, volume: &Path, relative: &str) -> io::Result<PathBuf>;

    /// The last bytes of a file, as text.
    async fn tail(&self, place: Place<'_>, limit: usize) -> io::Result<String>;

    /// A file of the host, as text.
    async fn read_host(&self, path: &str) -> io::Result<String>;

    /// Removes all that is kept of a pod.
    async fn remove(&self, pod: &str) -> io::Result<()>;

    /// The uids of the pods of which something is kept.
    async fn pods(&self) -> io::Result<Vec<String>>;
}

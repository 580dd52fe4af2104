use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::Labels;

/// The runtime's name of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SandboxId(pub Arc<str>);

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sandbox as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxSpec {
    /// `name`, `namespace` and `uid` say whose sandbox it is; opaque here.
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// Counts the sandboxes that this owner has had.
    pub attempt: u32,
    /// Its containers' host name; none on the host's network.
    pub hostname: Option<String>,
    /// What stands in resolv.conf; `None` leaves the host's.
    pub dns: Option<Dns>,
    pub ports: Vec<PortMapping>,
    pub namespaces: Namespaces,
    /// Kernel settings of its namespaces, e.g. `net.ipv4.ip_unprivileged_port_start`.
    pub sysctls: BTreeMap<String, String>,
    /// The control group under which its containers' groups are made, absolute; the runtime's default if `None`.
    pub cgroup_parent: Option<String>,
    pub labels: Labels,
    pub annotations: Labels,
}

/// What stands in resolv.conf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    pub servers: Vec<IpAddr>,
    pub searches: Vec<String>,
    /// As `resolv.conf(5)` has them: `ndots:5`.
    pub options: Vec<String>,
}

/// Which namespaces a sandbox has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    pub host_network: bool,
    pub host_ipc: bool,
    pub pid: PidNamespace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PidNamespace {
    /// One for each container.
    #[default]
    Container,
    /// One for all containers of the sandbox.
    Sandbox,
    Host,
}

/// A port of the host that leads to one of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMapping {
    pub protocol: Protocol,
    pub container_port: u16,
    pub host_port: u16,
    /// All of the host's addresses if `None`.
    pub host_ip: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// A sandbox as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxStatus {
    pub id: SandboxId,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub attempt: u32,
    pub state: SandboxState,
    pub created_at: Timestamp,
    /// Its own address; none on the host's network, none once it is not ready.
    pub ip: Option<IpAddr>,
    pub namespaces: Namespaces,
    pub labels: Labels,
    pub annotations: Labels,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxState {
    /// Containers can be made in it.
    Ready,
    /// Its namespaces are gone: all that can be done is to remove it.
    NotReady,
}

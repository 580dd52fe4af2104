use std::net::IpAddr;

use async_trait::async_trait;

use super::Cidr;

/// Why a sandbox could not be given its network, or the node its rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Every address of the node's range is taken.
    #[error("no address of {0} is free")]
    Exhausted(Cidr),
    #[error("{doing}: {reason}")]
    Failed { doing: &'static str, reason: String },
}

/// Who gives sandboxes their network. What it gave stays when this process ends, and is known again to the next.
#[async_trait]
pub trait PodNetwork: Send + Sync + 'static {
    /// The range for addresses given from now on.
    async fn set_range(&self, range: Cidr) -> Result<(), NetworkError>;

    /// Connects the network namespace of process `pid`, which holds nothing but a loopback, and gives it an address. Fails whole.
    async fn attach(&self, sandbox: &str, pid: u32) -> Result<IpAddr, NetworkError>;

    /// Takes a sandbox's address back. Idempotent.
    async fn detach(&self, sandbox: &str) -> Result<(), NetworkError>;

    /// The address of a sandbox that is attached.
    fn address(&self, sandbox: &str) -> Option<IpAddr>;
}

//! The kubelet: what makes a node of a machine. It watches the pods that are bound to its node and makes the container runtime run them.
//!
//! [`start`] makes a node: the kubelet's actor, which hands each pod to a worker of its own. A worker looks at what runs, asks the pure
//! function [`lifecycle::pod_lifecycle`], and carries out its answer. The outside world is a [`Machine`]: the container runtime, the
//! node's files and its connections, each with a simulated twin.

mod admission;
mod context;
mod dial;
mod files;
mod grpc_health;
mod heartbeat;
mod hooks;
mod http_get;
mod images;
#[allow(clippy::module_inception, reason = "the actor is named as its room is")]
mod kubelet;
pub mod lifecycle;
mod node_object;
mod pod_source;
mod probe;
mod spec;
mod streams;
#[cfg(test)]
mod tests;
mod volumes;
mod worker;

pub use context::{Machine, Options, Resources};
pub use dial::{Dial, SimulatedDial, Tcp};
pub use files::{Content, Empty, HostFiles, NodeFiles, Ownership, Payload, Place, SimulatedFiles};
pub use kubelet::{KubeletHandle, start};
pub use pod_source::{NodePods, PodRouter};
pub(super) use spec::{host_ports, is_host_network};

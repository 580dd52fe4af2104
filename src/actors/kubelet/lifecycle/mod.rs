//! What becomes of a pod: a pure function from what is wanted, what runs and the time, to what is to be done and what is to be said of it.
//!
//! Architecture invariant: nothing here remembers. Restart counts are the attempts of the containers that exist, crash-loop delays stand
//! in their annotations, transition times in the pod's last status; so a kubelet that starts again goes on where its forerunner died.

mod condition;
mod container_status;
mod member;
mod phase;
mod plan;
mod qos;
mod restart;
mod status;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};

use crate::runtime::containers::{ContainerId, SandboxId};

pub use condition::{false_condition, set_condition, true_condition};
pub use member::{Member, Role, members};
pub use plan::SANDBOX;
pub use qos::{QosClass, qos_class};
pub use restart::{RESTART_DELAY, Restart};
pub use world::World;

/// All that a decision depends on.
pub struct Input<'a> {
    /// The newest pod, with the last status that was written.
    pub pod: &'a Pod,
    /// The API does not have the pod any more.
    pub gone: bool,
    pub world: &'a World,
    pub probes: &'a Probes,
    pub troubles: &'a Troubles,
    /// What the containers that ended left as their last words.
    pub messages: &'a BTreeMap<ContainerId, String>,
    /// The node's addresses, the preferred family first.
    pub host_ips: &'a [IpAddr],
    /// The scheme of container ids: `docker`.
    pub runtime: &'a str,
    pub now: Timestamp,
    /// For how long it has been known on this node that a pod that is being deleted has to end when it has to.
    pub ending_for: Duration,
}

/// The probes' verdicts on each container, by its id, so that a new container starts without any.
pub type Probes = BTreeMap<ContainerId, Verdicts>;

/// `None`: not yet known, or not probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub startup: Option<bool>,
    pub liveness: Option<bool>,
    pub readiness: Option<bool>,
}

/// Why containers could not be made, by their names.
pub type Troubles = BTreeMap<String, Trouble>;

/// Why a container could not be made, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// As in `state.waiting.reason`.
    pub reason: &'static str,
    pub message: String,
    pub retry_at: Timestamp,
}

/// A step towards what is wanted. Those of one decision may be done in order; stops may be done together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    RunSandbox {
        attempt: u32,
    },
    /// Ends what is left in it; its containers remain to be looked at.
    StopSandbox(SandboxId),
    RemoveSandbox(SandboxId),
    /// Makes a container and starts it.
    Start {
        name: String,
        attempt: u32,
        /// How long its successor waits, should it end soon ([`RESTART_DELAY`]).
        restart_delay: Duration,
    },
    Stop {
        id: ContainerId,
        name: String,
        grace: Duration,
        /// The message of its `Killing` event.
        message: String,
    },
    Remove(ContainerId),
}

/// What is to be done now, and what is to be said.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub actions: Vec<Action>,
    pub status: PodStatus,
    /// When time alone will change the decision.
    pub wake_at: Option<Timestamp>,
    /// Nothing runs, and nothing will.
    pub ended: bool,
}

/// Decides on a pod.
pub fn pod_lifecycle(input: &Input) -> Outcome {
    let plan = plan::plan(input);
    Outcome { status: status::status(input, plan.ended), actions: plan.actions, wake_at: plan.wake_at, ended: plan.ended }
}

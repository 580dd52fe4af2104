//! A pod's phase, from the states of its containers (the concept page "Pod Lifecycle").

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::restart::policy;
use super::{Member, Role};

pub const PENDING: &str = "Pending";
pub const RUNNING: &str = "Running";
pub const SUCCEEDED: &str = "Succeeded";
pub const FAILED: &str = "Failed";

/// The phase that the API has for the pod, if it is one that never changes again.
pub fn terminal(pod: &Pod) -> Option<&'static str> {
    match pod.status.as_ref()?.phase.as_deref()? {
        SUCCEEDED => Some(SUCCEEDED),
        FAILED => Some(FAILED),
        _ => None,
    }
}

/// How many main containers and sidecars are in which state.
#[derive(Default)]
struct Tally {
    waiting: usize,
    running: usize,
    stopped: usize,
    succeeded: usize,
}

/// The phase. `ended`: nothing runs, and nothing will.
pub fn phase(pod: &Pod, members: &[Member], statuses: &[ContainerStatus], initialized: bool, ended: bool) -> &'static str {
    if let Some(phase) = terminal(pod) {
        return phase;
    }
    let of = |member: &Member| statuses.iter().find(|status| status.name == member.name());
    let init = members.iter().filter(|member| member.role == Role::Init);
    let failed = |member: &&Member| of(member).is_some_and(|status| exit_code(status).is_some_and(|code| code != 0));
    if !initialized && init.clone().filter(failed).any(|member| policy(pod, &member.spec) == "Never") {
        return if ended { FAILED } else { PENDING };
    }
    let mut tally = Tally::default();
    for member in members {
        match of(member) {
            Some(status) => tally.add(member.role, status),
            None if member.role != Role::Ephemeral => tally.waiting += 1,
            None => {}
        }
    }
    if ended {
        return if tally.stopped > 0 && tally.stopped == tally.succeeded && tally.waiting == 0 { SUCCEEDED } else { FAILED };
    }
    match tally {
        _ if !initialized => PENDING,
        Tally { waiting: 1.., .. } => PENDING,
        _ => RUNNING,
    }
}

impl Tally {
    fn add(&mut self, role: Role, status: &ContainerStatus) {
        let state = status.state.clone().unwrap_or_default();
        match role {
            Role::Init | Role::Ephemeral => {}
            _ if state.running.is_some() => self.running += 1,
            // A sidecar that ended does not decide on its pod.
            Role::Sidecar => {}
            Role::Main => match exit_code(status) {
                Some(code) => {
                    self.stopped += 1;
                    self.succeeded += usize::from(code == 0);
                }
                None => self.waiting += 1,
            },
        }
    }
}

/// How the container ended, or how it last did if it waits to run again.
fn exit_code(status: &ContainerStatus) -> Option<i32> {
    let state = status.state.as_ref()?;
    let ended = match &state.waiting {
        Some(_) => status.last_state.as_ref()?.terminated.as_ref(),
        None => state.terminated.as_ref(),
    };
    ended.map(|terminated| terminated.exit_code)
}

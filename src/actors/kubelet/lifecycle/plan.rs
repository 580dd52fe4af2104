//! What is to be done for a pod.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::container_status::is_started;
use super::restart::{Restart, is_wanted, restart};
use super::world::{exit, is_running};
use super::{Action, Input, Member, Role, members, phase};
use crate::runtime::containers::{ContainerState, ContainerStatus};
use crate::runtime::flaw::{Flaw, planted};

/// A container is given at least this long to stop.
const LEAST_GRACE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub wake_at: Option<Timestamp>,
    pub ended: bool,
}

impl Plan {
    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

pub fn plan(input: &Input) -> Plan {
    let members = members(input.pod);
    let mut plan = if is_over(input, &members) { wind_down(input, &members) } else { bring_up(input, &members) };
    if let Some(deadline) = deadline(input.pod).filter(|deadline| *deadline > input.now) {
        plan.wake(deadline);
    }
    plan
}

/// When the pod has been active for as long as it may.
pub fn deadline(pod: &Pod) -> Option<Timestamp> {
    let seconds = pod.spec.as_ref()?.active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?;
    start.0.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// Whether nothing of the pod shall run any more.
fn is_over(input: &Input, members: &[Member]) -> bool {
    input.gone
        || input.pod.metadata.deletion_timestamp.is_some()
        || phase::terminal(input.pod).is_some()
        || deadline(input.pod).is_some_and(|deadline| deadline <= input.now)
        || has_run_its_course(input, members)
}

/// An init container failed for good, or all main containers have ended for good.
fn has_run_its_course(input: &Input, members: &[Member]) -> bool {
    let for_good = |member: &Member| {
        let newest = input.world.newest(member.name());
        newest.is_some_and(|container| exit(container).is_some_and(|exit| !is_wanted(input.pod, member, exit)))
    };
    let failed = |member: &Member| input.world.newest(member.name()).and_then(exit).is_some_and(|exit| exit.code != 0);
    let mut init = members.iter().filter(|member| member.role == Role::Init);
    let mut main = members.iter().filter(|member| member.role == Role::Main).peekable();
    !is_initialized(input, members) && init.any(|member| for_good(member) && failed(member)) || main.peek().is_some() && main.all(for_good)
}

/// All init containers are done and all sidecars have started; or a main container exists, which proves that they had been.
pub fn is_initialized(input: &Input, members: &[Member]) -> bool {
    let sandbox = input.world.sandbox().map(|sandbox| &sandbox.id);
    let here = |member: &Member| input.world.newest(member.name()).filter(|container| Some(&container.sandbox) == sandbox);
    let is_done = |member: &Member| match member.role {
        Role::Init => here(member).and_then(exit).is_some_and(|exit| exit.code == 0),
        Role::Sidecar => here(member).is_some_and(|container| is_started(input, member, container)),
        Role::Main | Role::Ephemeral => true,
    };
    members.iter().any(|member| member.role == Role::Main && here(member).is_some()) || members.iter().all(is_done)
}

/// Ends what runs: main containers together, then the sidecars from the last to the first, then the sandbox (KEP-753).
fn wind_down(input: &Input, members: &[Member]) -> Plan {
    let mut plan = Plan::default();
    let is_sidecar =
        |container: &&ContainerStatus| members.iter().any(|member| member.role == Role::Sidecar && member.name() == container.name);
    let stop = |container: &ContainerStatus| Action::Stop {
        id: container.id.clone(),
        name: container.name.clone(),
        grace: grace(input),
        message: format!("Stopping container {}", container.name),
    };
    let (sidecars, others): (Vec<_>, Vec<_>) = input.world.running().partition(is_sidecar);
    if !others.is_empty() {
        plan.actions.extend(others.into_iter().map(stop));
    } else if !sidecars.is_empty() {
        let order = |container: &&ContainerStatus| members.iter().position(|member| member.name() == container.name);
        plan.actions.extend(sidecars.into_iter().max_by_key(order).map(stop));
    } else if let Some(sandbox) = input.world.ready_sandbox() {
        plan.actions.push(Action::StopSandbox(sandbox.id.clone()));
    } else {
        plan.ended = true;
    }
    plan
}

/// How long the pod's containers have left to stop.
fn grace(input: &Input) -> Duration {
    let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let metadata = &input.pod.metadata;
    let of_spec = input.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(30);
    let grace = seconds(metadata.deletion_grace_period_seconds.unwrap_or(of_spec));
    // The deletion's time is by the API's clock, which is not this node's.
    let left = if input.gone { LEAST_GRACE } else { grace.saturating_sub(input.ending_for) };
    left.max(LEAST_GRACE)
}

/// Brings up what is missing, in its order, and ends what is unwell.
fn bring_up(input: &Input, members: &[Member]) -> Plan {
    let mut plan = Plan::default();
    if input.world.ready_sandbox().is_none() {
        return new_sandbox(input);
    }
    let initialized = is_initialized(input, members);
    let sandbox = input.world.sandbox().map(|sandbox| sandbox.id.clone());
    let outdated = input.world.sandboxes.iter().filter(|old| Some(&old.id) != sandbox.as_ref());
    plan.actions.extend(outdated.map(|old| Action::RemoveSandbox(old.id.clone())));
    for member in members {
        let blocked = match member.role {
            Role::Init if initialized => false,
            Role::Init => !bring_up_init(input, member, &mut plan),
            Role::Sidecar => !bring_up_one(input, member, &mut plan) && !initialized,
            Role::Main => {
                bring_up_one(input, member, &mut plan);
                false
            }
            Role::Ephemeral => {
                if input.world.newest(member.name()).is_none() {
                    start(input, member, Duration::ZERO, &mut plan);
                }
                false
            }
        };
        plan.actions.extend(superfluous(input, member));
        if blocked {
            break;
        }
    }
    plan
}

/// A pod without a living sandbox gets one. What the old one held runs anew, init containers first.
fn new_sandbox(input: &Input) -> Plan {
    let mut plan = Plan::default();
    if let Some(trouble) = input.troubles.get(SANDBOX).filter(|trouble| trouble.retry_at > input.now) {
        plan.wake(trouble.retry_at);
        return plan;
    }
    let attempt = input.world.sandbox().map_or(0, |sandbox| sandbox.attempt + 1);
    plan.actions.push(Action::RunSandbox { attempt });
    plan
}

/// Under which [`super::Troubles`] keep those of the sandbox: no container has this name.
pub const SANDBOX: &str = "";

/// Whether the init container is done.
fn bring_up_init(input: &Input, member: &Member, plan: &mut Plan) -> bool {
    let current = input.world.current(member.name());
    if current.and_then(exit).is_some_and(|exit| exit.code == 0) {
        return true;
    }
    bring_up_one(input, member, plan);
    false
}

/// Whether the container has started. If not, plans what is missing.
fn bring_up_one(input: &Input, member: &Member, plan: &mut Plan) -> bool {
    let Some(container) = input.world.current(member.name()) else {
        // In an earlier sandbox it may have ended for good.
        let newest = input.world.newest(member.name()).filter(|_| member.role == Role::Main);
        if newest.and_then(exit).is_none_or(|exit| is_wanted(input.pod, member, exit)) {
            start(input, member, Duration::ZERO, plan);
        }
        return false;
    };
    match (&container.state, restart(input.pod, member, container)) {
        (ContainerState::Created, _) => {
            // Whoever made it died before starting it.
            plan.actions.push(Action::Remove(container.id.clone()));
            false
        }
        (ContainerState::Running { .. }, _) => {
            let unwell = why_unwell(input, member, container);
            plan.actions.extend(unwell.map(|(message, probe_grace)| Action::Stop {
                id: container.id.clone(),
                name: container.name.clone(),
                grace: probe_grace.unwrap_or_else(|| grace(input)),
                message,
            }));
            is_started(input, member, container)
        }
        (ContainerState::Exited(_), Some(Restart::At { due, delay, .. })) => {
            if due <= input.now {
                start(input, member, delay, plan)
            } else {
                plan.wake(due)
            }
            false
        }
        (ContainerState::Exited(_), _) => false,
    }
}

fn start(input: &Input, member: &Member, restart_delay: Duration, plan: &mut Plan) {
    if let Some(trouble) = input.troubles.get(member.name()).filter(|trouble| trouble.retry_at > input.now) {
        plan.wake(trouble.retry_at);
        return;
    }
    let had = input.pod.status.iter().flat_map(|status| {
        let lists = [&status.init_container_statuses, &status.container_statuses];
        lists.into_iter().flatten().flatten().filter(|status| status.name == member.name() && status.container_id.is_some())
    });
    let known = had.map(|status| status.restart_count.cast_unsigned());
    let attempts = input.world.runs(member.name()).into_iter().map(|container| container.attempt).chain(known);
    let attempt = attempts.max().map_or(0, |last| last + 1);
    plan.actions.push(Action::Start { name: member.name().to_owned(), attempt, restart_delay });
}

/// Why a running container must not go on, and how long its probe lets it stop.
fn why_unwell(input: &Input, member: &Member, container: &ContainerStatus) -> Option<(String, Option<Duration>)> {
    let name = member.name();
    let image = member.spec.image.as_deref().unwrap_or_default();
    if container.image != image {
        return Some((format!("Container {name} definition changed, will be restarted"), None));
    }
    let verdicts = input.probes.get(&container.id).filter(|_| !planted(Flaw::IgnoresLiveness))?;
    let failed = [("startup", verdicts.startup, &member.spec.startup_probe), ("liveness", verdicts.liveness, &member.spec.liveness_probe)];
    let (kind, _, probe) = failed.into_iter().find(|(_, verdict, _)| *verdict == Some(false))?;
    let grace = probe.as_ref().and_then(|probe| probe.termination_grace_period_seconds);
    let grace = grace.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    Some((format!("Container {name} failed {kind} probe, will be restarted"), grace))
}

/// Of the containers that a member has had, the newest and the one before it are kept: they are the state and the last state.
fn superfluous(input: &Input, member: &Member) -> Vec<Action> {
    let old = input.world.runs(member.name()).into_iter().skip(2).filter(|container| !is_running(container));
    old.map(|container| Action::Remove(container.id.clone())).collect()
}

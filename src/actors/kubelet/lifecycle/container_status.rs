//! What is said of one container.

use k8s_openapi::api::core::v1::{
    self, ContainerState as State, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::restart::{Restart, go_duration, restart};
use super::world::{self, exit};
use super::{Input, Member, Role};
use crate::runtime::containers::{ContainerState, ContainerStatus};

/// The status of a member. `ended`: nothing of the pod runs, and nothing will.
pub fn container_status(input: &Input, member: &Member, has_init: bool, ended: bool) -> v1::ContainerStatus {
    let runs = input.world.runs(member.name());
    let old = old_status(input, member.name());
    let current = runs.first().copied();
    let (state, last_state) = match current {
        Some(current) => states(input, member, current, runs.get(1).copied(), old, has_init, ended),
        None => absent(input, member, old, has_init, ended),
    };
    let known = old.filter(|old| old.container_id.is_some());
    let started = current.map(|current| is_started(input, member, current));
    let container_id = current.map(|current| format!("{}://{}", input.runtime, current.id));
    v1::ContainerStatus {
        name: member.name().to_owned(),
        ready: is_ready(input, member, current, &state),
        restart_count: current.map_or(known.map_or(0, |old| old.restart_count), |current| current.attempt.cast_signed()),
        started: Some(started.unwrap_or(false)),
        image: current.map_or_else(|| member.spec.image.clone().unwrap_or_default(), |current| current.image.clone()),
        image_id: current.map_or_else(|| known.map(|old| old.image_id.clone()).unwrap_or_default(), |current| current.image_id.clone()),
        container_id: container_id.or_else(|| known.and_then(|old| old.container_id.clone())),
        allocated_resources: current.and(member.spec.resources.as_ref()).and_then(|resources| resources.requests.clone()),
        resources: current.and(member.spec.resources.clone()),
        volume_mounts: current.and_then(|_| volume_mounts(member)),
        state: Some(state),
        last_state,
        ..v1::ContainerStatus::default()
    }
}

fn old_status<'a>(input: &Input<'a>, name: &str) -> Option<&'a v1::ContainerStatus> {
    let status = input.pod.status.as_ref()?;
    let all = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    all.into_iter().flatten().flatten().find(|status| status.name == name)
}

/// The state of a container that exists, and how the one before it ended.
fn states(
    input: &Input,
    member: &Member,
    current: &ContainerStatus,
    previous: Option<&ContainerStatus>,
    old: Option<&v1::ContainerStatus>,
    has_init: bool,
    ended: bool,
) -> (State, Option<State>) {
    let last = previous.and_then(|previous| terminated(input, previous)).or_else(|| forerunner(input, current, old));
    match &current.state {
        ContainerState::Created => (waiting_for_start(input, member, has_init), last),
        ContainerState::Running { started_at } => {
            let running = ContainerStateRunning { started_at: Some(Time(*started_at)) };
            (State { running: Some(running), ..State::default() }, last)
        }
        ContainerState::Exited(_) if ended => (terminated(input, current).unwrap_or_default(), last),
        ContainerState::Exited(_) => match trouble(input, member).or_else(|| crash_loop(input, member, current)) {
            Some(waiting) => (waiting, terminated(input, current)),
            None => (terminated(input, current).unwrap_or_default(), last),
        },
    }
}

/// How the forerunner of a container ended, as the last status knew it: the runtime does not have it any more.
fn forerunner(input: &Input, current: &ContainerStatus, old: Option<&v1::ContainerStatus>) -> Option<State> {
    let old = old?;
    let id = format!("{}://{}", input.runtime, current.id);
    let ended = old.state.clone().filter(|state| state.terminated.is_some());
    if old.container_id.as_ref() == Some(&id) || ended.is_none() { old.last_state.clone() } else { ended }
}

/// The state of a container that does not exist: not yet, or not any more.
fn absent(input: &Input, member: &Member, old: Option<&v1::ContainerStatus>, has_init: bool, ended: bool) -> (State, Option<State>) {
    let last = old.and_then(|old| old.last_state.clone());
    match old.and_then(|old| old.state.clone()) {
        Some(state) if state.terminated.is_some() && ended => (state, last),
        Some(state) if state.terminated.is_some() => (waiting_for_start(input, member, has_init), Some(state)),
        Some(state) if state.running.is_some() => {
            let lost = ContainerStateTerminated {
                exit_code: 137,
                reason: Some("ContainerStatusUnknown".to_owned()),
                message: Some("The container could not be located when the pod was terminated".to_owned()),
                ..ContainerStateTerminated::default()
            };
            let lost = State { terminated: Some(lost), ..State::default() };
            if ended { (lost, last) } else { (waiting_for_start(input, member, has_init), Some(lost)) }
        }
        _ => (waiting_for_start(input, member, has_init), last),
    }
}

fn waiting(reason: &str, message: Option<String>) -> State {
    State { waiting: Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message }), ..State::default() }
}

fn waiting_for_start(input: &Input, member: &Member, has_init: bool) -> State {
    let reason = if has_init && member.role != Role::Ephemeral { "PodInitializing" } else { "ContainerCreating" };
    trouble(input, member).unwrap_or_else(|| waiting(reason, None))
}

fn trouble(input: &Input, member: &Member) -> Option<State> {
    let trouble = input.troubles.get(member.name())?;
    Some(waiting(trouble.reason, Some(trouble.message.clone())))
}

fn crash_loop(input: &Input, member: &Member, current: &ContainerStatus) -> Option<State> {
    match restart(input.pod, member, current)? {
        Restart::At { due, waited, .. } if due > input.now => {
            let metadata = &input.pod.metadata;
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let (pod, namespace, uid) = (part(&metadata.name), part(&metadata.namespace), part(&metadata.uid));
            let (delay, name) = (go_duration(waited), member.name());
            let message = format!("back-off {delay} restarting failed container={name} pod={pod}_{namespace}({uid})");
            Some(waiting("CrashLoopBackOff", Some(message)))
        }
        _ => None,
    }
}

fn terminated(input: &Input, container: &ContainerStatus) -> Option<State> {
    let exit = exit(container)?;
    let message = input.messages.get(&container.id).filter(|message| !message.is_empty()).unwrap_or(&exit.message);
    let terminated = ContainerStateTerminated {
        container_id: Some(format!("{}://{}", input.runtime, container.id)),
        exit_code: exit.code,
        reason: Some(exit.reason().to_owned()),
        message: (!message.is_empty()).then(|| message.clone()),
        started_at: exit.started_at.map(Time),
        finished_at: Some(Time(exit.finished_at)),
        signal: None,
    };
    Some(State { terminated: Some(terminated), ..State::default() })
}

/// It runs, and its startup probe has passed if it has one.
pub fn is_started(input: &Input, member: &Member, container: &ContainerStatus) -> bool {
    let verdict = input.probes.get(&container.id).and_then(|verdicts| verdicts.startup);
    world::is_running(container) && (member.spec.startup_probe.is_none() || verdict == Some(true))
}

/// An init container is ready when it is done; others while they run, have started, and their readiness probe passes.
fn is_ready(input: &Input, member: &Member, current: Option<&ContainerStatus>, state: &State) -> bool {
    if member.role == Role::Init {
        return state.terminated.as_ref().is_some_and(|terminated| terminated.exit_code == 0);
    }
    let Some(current) = current.filter(|_| member.role != Role::Ephemeral) else { return false };
    let verdict = input.probes.get(&current.id).and_then(|verdicts| verdicts.readiness);
    is_started(input, member, current) && (member.spec.readiness_probe.is_none() || verdict == Some(true))
}

fn volume_mounts(member: &Member) -> Option<Vec<VolumeMountStatus>> {
    let mounts = member.spec.volume_mounts.as_ref()?;
    let status = |mount: &v1::VolumeMount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only.filter(|read_only| *read_only),
        recursive_read_only: (mount.read_only == Some(true)).then(|| "Disabled".to_owned()),
    };
    Some(mounts.iter().map(status).collect())
}

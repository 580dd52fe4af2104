//! A pod's conditions, with upstream's reasons and messages.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::phase::{FAILED, SUCCEEDED};
use super::{Input, Member, Role};
use crate::runtime::flaw::{Flaw, planted};

pub fn true_condition(kind: &str) -> PodCondition {
    PodCondition { type_: kind.to_owned(), status: "True".to_owned(), ..PodCondition::default() }
}

pub fn false_condition(kind: &str, reason: &str, message: String) -> PodCondition {
    let optional = |text: String| (!text.is_empty()).then_some(text);
    PodCondition { status: "False".to_owned(), reason: optional(reason.to_owned()), message: optional(message), ..true_condition(kind) }
}

/// Puts a condition in place of the one of its type. Its time of transition moves only when its status does.
pub fn set_condition(conditions: &mut Vec<PodCondition>, mut new: PodCondition, now: Timestamp) {
    let place = conditions.iter_mut().find(|condition| condition.type_ == new.type_);
    let since = place
        .as_ref()
        .filter(|old| old.status == new.status && !planted(Flaw::MovesTransitionTimes))
        .and_then(|old| old.last_transition_time.clone());
    new.last_transition_time = Some(since.unwrap_or(Time(now)));
    match place {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}

/// All conditions: the kubelet's own, made anew, and those of others, kept.
pub fn conditions(input: &Input, members: &[Member], statuses: &[ContainerStatus], phase: &str, initialized: bool) -> Vec<PodCondition> {
    let old = input.pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let has_network = input.world.ready_sandbox().is_some();
    let prepared = match has_network {
        true => true_condition("PodReadyToStartContainers"),
        false => false_condition("PodReadyToStartContainers", "", String::new()),
    };
    let containers_ready = containers_ready(members, statuses, phase);
    let ready = ready(input.pod, &old, &containers_ready);
    let initialized = initialized_condition(members, statuses, phase, initialized);
    let own = [prepared, initialized, ready, containers_ready, true_condition("PodScheduled")];
    let mut conditions: Vec<PodCondition> = Vec::new();
    for mut new in own {
        new.observed_generation = input.pod.metadata.generation;
        conditions.extend(old.iter().find(|condition| condition.type_ == new.type_).cloned());
        set_condition(&mut conditions, new, input.now);
    }
    let kept = old.into_iter().filter(|old| !conditions.iter().any(|own| own.type_ == old.type_)).collect::<Vec<_>>();
    conditions.extend(kept);
    conditions
}

fn initialized_condition(members: &[Member], statuses: &[ContainerStatus], phase: &str, initialized: bool) -> PodCondition {
    if phase == SUCCEEDED {
        return PodCondition { reason: Some("PodCompleted".to_owned()), ..true_condition("Initialized") };
    }
    if initialized {
        return true_condition("Initialized");
    }
    let is_done = |member: &&Member| {
        let status = statuses.iter().find(|status| status.name == member.name());
        status.is_some_and(|status| if member.role == Role::Sidecar { status.started == Some(true) } else { status.ready })
    };
    let init = members.iter().filter(|member| matches!(member.role, Role::Init | Role::Sidecar));
    let incomplete = names(init.filter(|member| !is_done(member)));
    false_condition("Initialized", "ContainersNotInitialized", format!("containers with incomplete status: [{incomplete}]"))
}

fn containers_ready(members: &[Member], statuses: &[ContainerStatus], phase: &str) -> PodCondition {
    match phase {
        SUCCEEDED => return false_condition("ContainersReady", "PodCompleted", String::new()),
        FAILED => return false_condition("ContainersReady", "PodFailed", String::new()),
        _ => {}
    }
    let is_ready = |member: &&Member| statuses.iter().any(|status| status.name == member.name() && status.ready);
    let asked = members.iter().filter(|member| matches!(member.role, Role::Sidecar | Role::Main));
    let unready = names(asked.filter(|member| !is_ready(member)));
    if unready.is_empty() {
        return true_condition("ContainersReady");
    }
    false_condition("ContainersReady", "ContainersNotReady", format!("containers with unready status: [{unready}]"))
}

/// Ready are the containers and all that the readiness gates name (KEP-580).
fn ready(pod: &Pod, old: &[PodCondition], containers_ready: &PodCondition) -> PodCondition {
    if containers_ready.status != "True" {
        return PodCondition { type_: "Ready".to_owned(), ..containers_ready.clone() };
    }
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let closed: Vec<String> = gates
        .filter_map(|gate| {
            let kind = &gate.condition_type;
            match old.iter().find(|condition| condition.type_ == *kind) {
                None => Some(format!("corresponding condition of pod readiness gate {kind:?} does not exist.")),
                Some(condition) if condition.status != "True" => {
                    Some(format!("the status of pod readiness gate {kind:?} is not \"True\", but {}", condition.status))
                }
                Some(_) => None,
            }
        })
        .collect();
    if closed.is_empty() { true_condition("Ready") } else { false_condition("Ready", "ReadinessGatesNotReady", closed.join(", ")) }
}

fn names<'a, 'b: 'a>(members: impl Iterator<Item = &'a Member<'b>>) -> String {
    members.map(Member::name).collect::<Vec<_>>().join(" ")
}

//! Whether and when a container that ended runs again (the concept page "Pod Lifecycle", KEP-5307 for rules by exit code).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, Pod};

use super::world;
use super::{Member, Role};
use crate::runtime::containers::{ContainerStatus, Exit};

/// The annotation of a container that says, in seconds, how long its successor waits after its end.
pub const RESTART_DELAY: &str = "kabuki.dev/restart-delay";

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A container that has run for longer than this counts as healthy: its successor waits for nothing.
const FORGIVEN: SignedDuration = SignedDuration::from_mins(10);

/// What follows the end of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    Never,
    /// `delay` is to be kept after the end of the next one.
    At {
        due: Timestamp,
        waited: Duration,
        delay: Duration,
    },
}

/// What follows the end of the newest container of a member; `None` if it has not ended.
pub fn restart(pod: &Pod, member: &Member, container: &ContainerStatus) -> Option<Restart> {
    let exit = world::exit(container)?;
    Some(if is_wanted(pod, member, exit) { schedule(container, exit) } else { Restart::Never })
}

/// Whether a container that ended so shall run again.
pub fn is_wanted(pod: &Pod, member: &Member, exit: &Exit) -> bool {
    let failed = exit.code != 0;
    match member.role {
        Role::Ephemeral => false,
        Role::Sidecar => true,
        Role::Init | Role::Main => {
            if let Some(restart) = by_rules(&member.spec, exit.code) {
                return restart;
            }
            match (policy(pod, &member.spec), member.role) {
                ("Never", _) => false,
                ("OnFailure", _) | (_, Role::Init) => failed,
                _ => true,
            }
        }
    }
}

/// What the container's own rules say of an exit code, if any speaks of it.
fn by_rules(container: &Container, code: i32) -> Option<bool> {
    let applies = |rule: &&ContainerRestartRule| {
        let Some(codes) = &rule.exit_codes else { return false };
        let listed = codes.values.iter().flatten().any(|value| *value == code);
        if codes.operator == "NotIn" { !listed } else { listed }
    };
    container.restart_policy_rules.iter().flatten().find(applies).map(|rule| rule.action == "Restart")
}

/// The container's own policy, or else its pod's.
pub fn policy<'a>(pod: &'a Pod, container: &'a Container) -> &'a str {
    let pods = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    container.restart_policy.as_deref().or(pods).unwrap_or("Always")
}

/// The first restart comes at once; each further one waits twice as long, up to five minutes.
fn schedule(container: &ContainerStatus, exit: &Exit) -> Restart {
    let kept = container.annotations.get(RESTART_DELAY).and_then(|text| text.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    let ran = exit.finished_at.duration_since(container.created_at);
    let waited = if ran > FORGIVEN { Duration::ZERO } else { kept };
    let delay = (waited * 2).clamp(FIRST, LONGEST);
    Restart::At { due: exit.finished_at + waited, waited, delay }
}

/// As Go writes durations: `10s`, `1m20s`.
pub fn go_duration(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

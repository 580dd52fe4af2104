//! What the engine says, as statuses: pure functions.

use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerState as EngineState, ContainerStateStatusEnum as Status, ImageInspect, ImageSummary,
};
use jiff::Timestamp;

use super::labels::Sealed;
use crate::runtime::containers::{
    ContainerId, ContainerState, ContainerStatus, Exit, Image, Namespaces, SandboxId, SandboxState, SandboxStatus, User,
};

/// A sandbox as the engine's inspection shows its pause container.
#[derive(Clone, Debug)]
pub(super) struct Inspected {
    pub id: String,
    pub sealed: Sealed,
    pub namespaces: Namespaces,
    pub cgroup_parent: Option<String>,
    pub tty: bool,
    /// While it runs.
    pub pid: Option<u32>,
    /// On the engine's own network.
    engine_ip: Option<IpAddr>,
    state: ContainerState,
    created_at: Timestamp,
    image_id: String,
}

impl Inspected {
    pub fn read(response: ContainerInspectResponse) -> Self {
        let config = response.config.unwrap_or_default();
        let host_config = response.host_config.unwrap_or_default();
        let state = response.state.unwrap_or_default();
        let sealed = Sealed::read(&config.labels.unwrap_or_default());
        let created_at = time(response.created.as_deref()).unwrap_or_default();
        let networks = response.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        Self {
            id: response.id.unwrap_or_default(),
            namespaces: sealed
                .namespaces(host_config.network_mode.as_deref().unwrap_or_default(), host_config.ipc_mode.as_deref().unwrap_or_default()),
            cgroup_parent: host_config.cgroup_parent.filter(|path| !path.is_empty()),
            tty: config.tty.unwrap_or(false),
            pid: state.pid.filter(|pid| *pid > 0).map(|pid| pid as u32),
            engine_ip: networks.values().find_map(|endpoint| endpoint.ip_address.as_ref()?.parse().ok()),
            state: container_state(&state, created_at),
            created_at,
            image_id: response.image.unwrap_or_default(),
            sealed,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running { .. })
    }

    pub fn is_fresh(&self) -> bool {
        self.state == ContainerState::Created
    }

    /// `own` is the address of its own network, if Kabuki made it. A sandbox that has lost its network is of no use.
    pub fn sandbox(self, own: Option<IpAddr>) -> SandboxStatus {
        let ip = own.or(self.engine_ip).filter(|_| self.is_running() && !self.namespaces.host_network);
        let ready = self.is_running() && (ip.is_some() || self.namespaces.host_network);
        SandboxStatus {
            id: SandboxId(self.id.into()),
            name: self.sealed.name,
            namespace: self.sealed.namespace,
            uid: self.sealed.owner,
            attempt: self.sealed.attempt,
            state: if ready { SandboxState::Ready } else { SandboxState::NotReady },
            created_at: self.created_at,
            ip,
            namespaces: self.namespaces,
            labels: self.sealed.labels,
            annotations: self.sealed.annotations,
        }
    }

    pub fn container(self) -> ContainerStatus {
        ContainerStatus {
            id: ContainerId(self.id.into()),
            sandbox: SandboxId(self.sealed.sandbox.into()),
            name: self.sealed.container,
            attempt: self.sealed.attempt,
            state: self.state,
            created_at: self.created_at,
            image: self.sealed.image,
            image_id: self.image_id,
            labels: self.sealed.labels,
            annotations: self.sealed.annotations,
        }
    }
}

/// The engine's times; its way to say "never" is the year 1.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok().filter(|time: &Timestamp| *time > Timestamp::UNIX_EPOCH)
}

fn container_state(state: &EngineState, created_at: Timestamp) -> ContainerState {
    let message = state.error.clone().unwrap_or_default();
    let started_at = time(state.started_at.as_deref());
    match (state.status.unwrap_or(Status::EMPTY), started_at) {
        (Status::RUNNING | Status::PAUSED | Status::RESTARTING, started_at) => {
            ContainerState::Running { started_at: started_at.unwrap_or(created_at) }
        }
        // One that could not be started is left as it was made, with the reason.
        (_, None) if message.is_empty() => ContainerState::Created,
        (_, started_at) => ContainerState::Exited(Exit {
            started_at,
            // One that ends at once may end before the engine notes its start.
            finished_at: time(state.finished_at.as_deref()).unwrap_or(created_at).max(started_at.unwrap_or(created_at)),
            code: state.exit_code.unwrap_or(0) as i32,
            oom_killed: state.oom_killed.unwrap_or(false),
            message,
        }),
    }
}

pub(super) fn image(inspected: ImageInspect) -> Image {
    Image {
        id: inspected.id.unwrap_or_default(),
        tags: named(inspected.repo_tags.unwrap_or_default()),
        digests: named(inspected.repo_digests.unwrap_or_default()),
        size_bytes: inspected.size.unwrap_or(0).max(0) as u64,
        user: inspected.config.and_then(|config| config.user).and_then(|user| image_user(&user)),
    }
}

/// A list does not say who runs an image's processes.
pub(super) fn listed_image(summary: ImageSummary) -> Image {
    Image {
        id: summary.id,
        tags: named(summary.repo_tags),
        digests: named(summary.repo_digests),
        size_bytes: summary.size.max(0) as u64,
        user: None,
    }
}

/// The engine writes `<none>` where there is no name.
fn named(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.contains("<none>"));
    names
}

/// `user`, `user:group` or nothing, in numbers or names.
fn image_user(text: &str) -> Option<User> {
    let user = text.split(':').next().filter(|user| !user.is_empty())?;
    Some(user.parse().map_or_else(|_| User::Name(user.to_owned()), User::Id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: &str = "2026-01-02T03:04:05.000000001Z";
    const NEVER: &str = "0001-01-01T00:00:00Z";

    fn state(status: Status, started: &str, finished: &str, code: i64, error: &str) -> ContainerState {
        let state = EngineState {
            status: Some(status),
            started_at: Some(started.to_owned()),
            finished_at: Some(finished.to_owned()),
            exit_code: Some(code),
            error: Some(error.to_owned()),
            ..Default::default()
        };
        container_state(&state, MADE.parse().unwrap())
    }

    #[test]
    fn a_state_is_read_from_all_that_the_engine_says() {
        let at: Timestamp = MADE.parse().unwrap();
        assert_eq!(state(Status::CREATED, NEVER, NEVER, 0, ""), ContainerState::Created);
        assert_eq!(state(Status::RUNNING, MADE, NEVER, 0, ""), ContainerState::Running { started_at: at });
        let ContainerState::Exited(exit) = state(Status::EXITED, MADE, MADE, 7, "") else { panic!() };
        assert_eq!((exit.started_at, exit.code, exit.reason()), (Some(at), 7, "Error"));
        let ContainerState::Exited(exit) = state(Status::CREATED, NEVER, NEVER, 127, "no such file") else { panic!() };
        assert_eq!((exit.started_at, exit.finished_at, exit.code, exit.reason()), (None, at, 127, "ContainerCannotRun"));
    }

    #[test]
    fn an_images_user_is_a_number_or_a_name() {
        let cases = [
            ("", None),
            ("1000", Some(User::Id(1000))),
            ("1000:1000", Some(User::Id(1000))),
            ("app:app", Some(User::Name("app".to_owned()))),
        ];
        for (text, user) in cases {
            assert_eq!(image_user(text), user, "{text}");
        }
    }
}

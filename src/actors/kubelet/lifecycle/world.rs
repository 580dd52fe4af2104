use crate::runtime::containers::{ContainerState, ContainerStatus, Exit, SandboxState, SandboxStatus};

/// What the runtime has of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    pub sandboxes: Vec<SandboxStatus>,
    pub containers: Vec<ContainerStatus>,
}

impl World {
    /// The newest sandbox.
    pub fn sandbox(&self) -> Option<&SandboxStatus> {
        self.sandboxes.iter().max_by_key(|sandbox| sandbox.attempt)
    }

    /// The newest sandbox, if containers can run in it.
    pub fn ready_sandbox(&self) -> Option<&SandboxStatus> {
        self.sandbox().filter(|sandbox| sandbox.state == SandboxState::Ready)
    }

    /// All containers of that name, the newest first.
    pub fn runs(&self, name: &str) -> Vec<&ContainerStatus> {
        let mut runs: Vec<&ContainerStatus> = self.containers.iter().filter(|container| container.name == name).collect();
        runs.sort_by_key(|container| std::cmp::Reverse(container.attempt));
        runs
    }

    /// The newest container of that name.
    pub fn newest(&self, name: &str) -> Option<&ContainerStatus> {
        self.runs(name).into_iter().next()
    }

    /// The newest container of that name in the sandbox that is ready.
    pub fn current(&self, name: &str) -> Option<&ContainerStatus> {
        let sandbox = self.ready_sandbox()?;
        self.newest(name).filter(|container| container.sandbox == sandbox.id)
    }

    pub fn running(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.containers.iter().filter(|container| is_running(container))
    }
}

pub fn is_running(container: &ContainerStatus) -> bool {
    matches!(container.state, ContainerState::Running { .. })
}

pub fn exit(container: &ContainerStatus) -> Option<&Exit> {
    match &container.state {
        ContainerState::Exited(exit) => Some(exit),
        ContainerState::Created | ContainerState::Running { .. } => None,
    }
}

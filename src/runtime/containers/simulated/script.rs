//! How everything went before, for a runtime on which it is to go so again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::plan::Plan;
use super::world::World;
use super::{Inner, Simulated};
use crate::runtime::clock;
use crate::runtime::containers::image::canonical;
use crate::runtime::containers::{
    ContainerId, ContainerSpec, Image, Labels, Namespaces, PidNamespace, Result, RuntimeChange, RuntimeEvent, SandboxSpec,
};
use crate::runtime::recording::{ContainerRecord, SandboxRecord, StateRecord, Verb};

/// Knows how things went. Sandboxes and containers are told apart by the owner of the sandbox, the name and the attempt.
pub trait Script: Send + Sync + 'static {
    /// How the next act of that kind goes; `None` if there was none before.
    fn act(&self, verb: Verb, owner: &str, name: &str, attempt: u32) -> Option<Act>;

    /// What becomes of a container that is started.
    fn fate(&self, owner: &str, name: &str, attempt: u32) -> Fate;
}

/// How something went.
pub struct Act {
    pub took: Duration,
    pub outcome: Result<Option<Image>>,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When it did so by itself; never if `None`.
    pub exit_at: Option<Timestamp>,
    /// How long it took when it was asked to; longer than its grace if that is not known.
    pub stop_delay: Option<Duration>,
    pub code: i32,
    pub oom_killed: bool,
}

impl Fate {
    pub(super) fn plan(self) -> Plan {
        let left = |at: Timestamp| Duration::try_from(at.duration_since(clock::now())).unwrap_or_default();
        Plan {
            exit_after: self.exit_at.map(left),
            exit_code: self.code,
            exit_oom_killed: self.oom_killed,
            is_deaf: self.stop_delay.is_none(),
            stop_delay: self.stop_delay,
            stop_code: Some(self.code),
            ..Plan::read("", 0, &Labels::new(), &Labels::new())
        }
    }
}

impl Simulated {
    /// From now on everything goes as the script has it. The first one that is given stays.
    pub fn follow(&self, script: Arc<dyn Script>) {
        let _ = self.inner.script.set(script);
    }

    /// An image is there without a pull.
    pub fn have_image(&self, reference: &str, image: Image) {
        self.inner.world.lock().put_image(reference, image);
    }

    /// Takes over sandboxes and containers as they were elsewhere; ids are its own.
    pub fn adopt(&self, sandboxes: &[SandboxRecord], containers: &[ContainerRecord]) {
        let mut world = self.inner.world.lock();
        let mut sandboxes: Vec<_> = sandboxes.iter().collect();
        sandboxes.sort_by_key(|sandbox| sandbox.created_at);
        let mut containers: Vec<_> = containers.iter().collect();
        containers.sort_by_key(|container| container.created_at);
        let mut running = Vec::new();
        for sandbox in sandboxes {
            let id = world.adopt_sandbox(sandbox_spec(sandbox), sandbox.created_at, sandbox.ip, sandbox.ready);
            for container in containers.iter().filter(|container| container.sandbox == sandbox.id) {
                let own = world.adopt_container(&id, container_spec(container), container);
                running.extend(matches!(container.state, StateRecord::Running { .. }).then_some(own));
            }
        }
        for id in running {
            self.inner.resume(&mut world, &id);
        }
        drop(world);
        self.inner.hub.publish(RuntimeEvent::Relist);
    }

    /// Of what there is, only what is named here stays: sandboxes by owner and attempt, containers by owner, name and attempt.
    pub fn keep(&self, sandboxes: &BTreeSet<(String, u32)>, containers: &BTreeSet<(String, String, u32)>) {
        let (goes, leaves) = self.inner.world.lock().others(sandboxes, containers);
        for id in leaves {
            self.inner.remove_container(&id);
        }
        for id in goes {
            self.inner.stop_sandbox(&id);
            self.inner.world.lock().remove_sandbox(&id);
        }
        self.inner.hub.publish(RuntimeEvent::Relist);
    }

    /// Whose container that is: the owner of its sandbox, its name and its attempt.
    pub fn whose(&self, id: &ContainerId) -> Option<(String, String, u32)> {
        let world = self.inner.world.lock();
        let container = world.container(id).ok()?;
        Some((container.owner.clone(), container.spec.name.clone(), container.spec.attempt))
    }

    /// A sandbox ends as by something from outside.
    pub fn end_sandbox(&self, owner: &str, attempt: u32) {
        let found = self.inner.world.lock().sandbox_of(owner, attempt);
        if let Some(id) = found {
            self.inner.stop_sandbox(&id);
        }
    }

    /// Does what the script says of an act; `None` if it says nothing.
    pub(super) async fn act(&self, verb: Verb, owner: &str, name: &str, attempt: u32) -> Option<Result<Option<Image>>> {
        let act = self.inner.script.get()?.act(verb, owner, name, attempt)?;
        tokio::time::sleep(act.took).await;
        Some(act.outcome)
    }
}

impl Inner {
    /// Sees to the end of a container that runs already.
    fn resume(self: &Arc<Self>, world: &mut World, id: &ContainerId) {
        let Ok(container) = world.container_mut(id) else { return };
        if let Some(script) = self.script.get() {
            container.follow(script.fate(&container.owner, &container.spec.name, container.spec.attempt));
        }
        self.schedule_end(container, id);
        self.publish(id, container.owner.clone(), RuntimeChange::Started);
    }
}

impl World {
    pub fn put_image(&mut self, reference: &str, image: Image) {
        if let Ok(reference) = canonical(reference) {
            self.images.insert(reference, image);
        }
    }
}

fn sandbox_spec(record: &SandboxRecord) -> SandboxSpec {
    SandboxSpec {
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        uid: record.uid.clone(),
        attempt: record.attempt,
        namespaces: Namespaces { host_network: record.host_network, host_ipc: false, pid: PidNamespace::Container },
        labels: record.labels.clone(),
        annotations: record.annotations.clone(),
        ..SandboxSpec::default()
    }
}

fn container_spec(record: &ContainerRecord) -> ContainerSpec {
    ContainerSpec {
        name: record.name.clone(),
        attempt: record.attempt,
        image: record.image.clone(),
        labels: record.labels.clone(),
        annotations: record.annotations.clone(),
        ..ContainerSpec::default()
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::task::AbortOnDropHandle;

use super::journal::Journal;
use super::plan::Plan;
use super::program::{End, Program};
use super::script::Fate;
use crate::runtime::clock::{self, Instant, WallClock};
use crate::runtime::containers::{
    ContainerFilter, ContainerId, ContainerSpec, ContainerState, ContainerStats, ContainerStatus, Error, Exit, Image, Labels, LogStream,
    Result, SandboxId, SandboxSpec, SandboxState, SandboxStatus,
};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{AddressPool, Cidr};
use crate::runtime::recording::{ContainerRecord, StateRecord};
use crate::runtime::watch;

/// All that exists on a simulated node. Changes at once; what takes time is around it.
pub(super) struct World {
    pub addresses: AddressPool,
    pub entropy: Entropy,
    /// Why the runtime does not answer, if it does not.
    pub outage: Option<String>,
    /// Why images cannot be pulled, if they cannot.
    pub registry_outage: Option<String>,
    pub images: BTreeMap<String, Image>,
    /// Containers that run and do nothing.
    pub wedged: BTreeSet<ContainerId>,
    /// The machine's.
    pub clock: WallClock,
    made: u64,
    /// Ids begin with their number, so these are in order of age.
    sandboxes: BTreeMap<SandboxId, Sandbox>,
    containers: BTreeMap<ContainerId, Container>,
}

pub(super) struct Sandbox {
    pub spec: SandboxSpec,
    created_at: Timestamp,
    ip: Option<IpAddr>,
    ready: bool,
}

pub(super) struct Container {
    pub spec: ContainerSpec,
    pub sandbox: SandboxId,
    pub owner: String,
    pub plan: Plan,
    pub program: Program,
    image_id: String,
    created_at: Timestamp,
    pub clock: WallClock,
    phase: Phase,
    /// Ends it at its time; gone with it.
    pub timer: Option<AbortOnDropHandle<()>>,
    /// The exit code, once there is one.
    pub exit: watch::Sender<Option<i32>>,
}

#[derive(Clone)]
enum Phase {
    Created,
    Running { at: Timestamp, since: Instant },
    Exited { exit: Exit, ran: Duration },
}

/// When and how something ends.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub after: Duration,
    pub code: i32,
    pub oom_killed: bool,
}

impl World {
    pub fn new(addresses: AddressPool, entropy: Entropy) -> Self {
        let (images, sandboxes, containers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let wedged = BTreeSet::new();
        let clock = WallClock::default();
        Self { addresses, entropy, outage: None, registry_outage: None, images, wedged, clock, made: 0, sandboxes, containers }
    }

    /// What has an address of the old range keeps it.
    pub fn set_range(&mut self, range: Cidr) {
        self.addresses = AddressPool::new(range);
        for ip in self.sandboxes.values().filter_map(|sandbox| sandbox.ip) {
            self.addresses.claim(ip);
        }
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("{:016x}{}", self.made, self.entropy.uuid().simple())
    }

    pub fn add_sandbox(&mut self, spec: &SandboxSpec) -> Result<SandboxId> {
        let ip = match spec.namespaces.host_network {
            true => None,
            false => Some(self.addresses.take().ok_or_else(|| Error::Failed(format!("no address of {} is free", self.addresses.range())))?),
        };
        let id = SandboxId(self.id().into());
        self.sandboxes.insert(id.clone(), Sandbox { spec: spec.clone(), created_at: self.clock.now(), ip, ready: true });
        Ok(id)
    }

    pub fn sandbox(&self, id: &SandboxId) -> Result<&Sandbox> {
        self.sandboxes.get(id).ok_or_else(|| Error::no_sandbox(id))
    }

    pub fn ready_sandbox(&self, id: &SandboxId) -> Result<&Sandbox> {
        let sandbox = self.sandbox(id)?;
        if sandbox.ready { Ok(sandbox) } else { Err(Error::Conflict(format!("sandbox {id} is not ready"))) }
    }

    /// Its owner, if it was ready until now.
    pub fn stop_sandbox(&mut self, id: &SandboxId) -> Option<String> {
        let sandbox = self.sandboxes.get_mut(id).filter(|sandbox| sandbox.ready)?;
        sandbox.ready = false;
        if let Some(ip) = sandbox.ip.take() {
            self.addresses.release(ip);
        }
        Some(sandbox.spec.uid.clone())
    }

    pub fn remove_sandbox(&mut self, id: &SandboxId) -> Option<String> {
        self.sandboxes.remove(id).map(|sandbox| sandbox.spec.uid)
    }

    pub fn sandbox_ids(&self) -> Vec<SandboxId> {
        self.sandboxes.keys().cloned().collect()
    }

    pub fn sandbox_statuses(&self, labels: &Labels) -> Vec<SandboxStatus> {
        let matching = self.sandboxes.iter().filter(|(_, sandbox)| carries(&sandbox.spec.labels, labels));
        matching.map(|(id, sandbox)| sandbox.status(id)).collect()
    }

    pub fn add_container(&mut self, sandbox_id: &SandboxId, spec: &ContainerSpec, image_id: String) -> Result<(ContainerId, String)> {
        let sandbox = self.ready_sandbox(sandbox_id)?;
        let same = |container: &Container| container.sandbox == *sandbox_id && container.spec.name == spec.name;
        if self.containers.values().any(|container| same(container) && container.spec.attempt == spec.attempt) {
            return Err(Error::Conflict(format!("container {} exists with attempt {}", spec.name, spec.attempt)));
        }
        let owner = sandbox.spec.uid.clone();
        let container = Container {
            plan: Plan::read(&spec.name, spec.attempt, &spec.annotations, &sandbox.spec.annotations),
            program: Program::read(&[spec.command.as_slice(), &spec.args].concat()),
            spec: spec.clone(),
            sandbox: sandbox_id.clone(),
            owner: owner.clone(),
            image_id,
            created_at: self.clock.now(),
            clock: self.clock.clone(),
            phase: Phase::Created,
            timer: None,
            exit: watch::Sender::new(None),
        };
        let id = ContainerId(self.id().into());
        self.containers.insert(id.clone(), container);
        Ok((id, owner))
    }

    /// A sandbox that was made elsewhere.
    pub fn adopt_sandbox(&mut self, spec: SandboxSpec, created_at: Timestamp, ip: Option<IpAddr>, ready: bool) -> SandboxId {
        let id = SandboxId(self.id().into());
        if let Some(ip) = ip {
            self.addresses.claim(ip);
        }
        self.sandboxes.insert(id.clone(), Sandbox { spec, created_at, ip, ready });
        id
    }

    /// A container that was made elsewhere.
    pub fn adopt_container(&mut self, sandbox: &SandboxId, spec: ContainerSpec, record: &ContainerRecord) -> ContainerId {
        let phase = match &record.state {
            StateRecord::Created => Phase::Created,
            StateRecord::Running { started_at } => Phase::Running { at: *started_at, since: clock::instant() },
            StateRecord::Exited { started_at, finished_at, code, oom_killed, message, .. } => {
                let (started_at, finished_at, code) = (*started_at, *finished_at, *code);
                let exit = Exit { started_at, finished_at, code, oom_killed: *oom_killed, message: message.clone() };
                Phase::Exited { exit, ran: Duration::ZERO }
            }
        };
        let container = Container {
            plan: Plan::read(&spec.name, spec.attempt, &Labels::new(), &Labels::new()),
            program: Program::default(),
            spec,
            sandbox: sandbox.clone(),
            owner: record.owner.clone(),
            image_id: record.image_id.clone(),
            created_at: record.created_at,
            clock: self.clock.clone(),
            phase,
            timer: None,
            exit: watch::Sender::new(None),
        };
        let id = ContainerId(self.id().into());
        self.containers.insert(id.clone(), container);
        id
    }

    /// What is not named: sandboxes by owner and attempt, containers by owner, name and attempt.
    pub fn others(
        &self,
        sandboxes: &BTreeSet<(String, u32)>,
        containers: &BTreeSet<(String, String, u32)>,
    ) -> (Vec<SandboxId>, Vec<ContainerId>) {
        let is_other = |sandbox: &Sandbox| !sandboxes.contains(&(sandbox.spec.uid.clone(), sandbox.spec.attempt));
        let whose = |container: &Container| (container.owner.clone(), container.spec.name.clone(), container.spec.attempt);
        let goes = self.sandboxes.iter().filter(|(_, sandbox)| is_other(sandbox)).map(|(id, _)| id.clone());
        let leaves = self.containers.iter().filter(|(_, container)| !containers.contains(&whose(container))).map(|(id, _)| id.clone());
        (goes.collect(), leaves.collect())
    }

    /// The sandbox of an owner that has this attempt.
    pub fn sandbox_of(&self, owner: &str, attempt: u32) -> Option<SandboxId> {
        let is_it = |sandbox: &Sandbox| sandbox.spec.uid == owner && sandbox.spec.attempt == attempt;
        self.sandboxes.iter().find(|(_, sandbox)| is_it(sandbox)).map(|(id, _)| id.clone())
    }

    pub fn container(&self, id: &ContainerId) -> Result<&Container> {
        self.containers.get(id).ok_or_else(|| Error::no_container(id))
    }

    pub fn container_mut(&mut self, id: &ContainerId) -> Result<&mut Container> {
        self.containers.get_mut(id).ok_or_else(|| Error::no_container(id))
    }

    /// Whether whoever connects to that address of a pod here finds somebody; addresses of nobody here are not judged.
    pub fn answers(&self, ip: IpAddr) -> bool {
        let Some((sandbox, _)) = self.sandboxes.iter().find(|(_, sandbox)| sandbox.ip == Some(ip)) else { return true };
        let mut inside = self.containers.iter().filter(|(_, container)| container.sandbox == *sandbox && container.is_running());
        inside.all(|(id, _)| !self.wedged.contains(id))
    }

    pub fn remove_container(&mut self, id: &ContainerId) -> Option<String> {
        self.wedged.remove(id);
        self.containers.remove(id).map(|container| container.owner)
    }

    pub fn containers(&self, filter: &ContainerFilter) -> impl Iterator<Item = (&ContainerId, &Container)> {
        self.containers.iter().filter(|(_, container)| {
            filter.sandbox.as_ref().is_none_or(|id| *id == container.sandbox) && carries(&container.spec.labels, &filter.labels)
        })
    }
}

fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

impl Sandbox {
    pub fn status(&self, id: &SandboxId) -> SandboxStatus {
        SandboxStatus {
            id: id.clone(),
            name: self.spec.name.clone(),
            namespace: self.spec.namespace.clone(),
            uid: self.spec.uid.clone(),
            attempt: self.spec.attempt,
            state: if self.ready { SandboxState::Ready } else { SandboxState::NotReady },
            created_at: self.created_at,
            ip: self.ip,
            namespaces: self.spec.namespaces,
            labels: self.spec.labels.clone(),
            annotations: self.spec.annotations.clone(),
        }
    }
}

impl Container {
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    pub fn uses(&self, image: &Image) -> bool {
        self.image_id == image.id
    }

    pub fn check_created(&self) -> Result<()> {
        match self.phase {
            Phase::Created => Ok(()),
            _ => Err(Error::Conflict(format!("container {} has been started before", self.spec.name))),
        }
    }

    pub fn check_running(&self) -> Result<()> {
        if self.is_running() { Ok(()) } else { Err(Error::Conflict(format!("container {} is not running", self.spec.name))) }
    }

    /// From now on it does what it did before, whatever its command and annotations say.
    pub fn follow(&mut self, fate: Fate) {
        self.plan = fate.plan();
        self.program = Program::default();
    }

    pub fn run(&mut self) {
        self.phase = Phase::Running { at: self.clock.now(), since: clock::instant() };
    }

    /// Marks it as ended; false if it was not running.
    pub fn end(&mut self, ending: Ending) -> bool {
        let Phase::Running { at, since } = self.phase else { return false };
        let exit = Exit {
            started_at: Some(at),
            finished_at: self.clock.now(),
            code: ending.code,
            oom_killed: ending.oom_killed,
            message: String::new(),
        };
        self.phase = Phase::Exited { exit, ran: clock::instant() - since };
        self.timer = None;
        self.exit.send_replace(Some(ending.code));
        true
    }

    /// Marks it as one that could not be started: 128 is what the engines say then.
    pub fn fail_to_start(&mut self, message: &str) {
        let exit = Exit { started_at: None, finished_at: self.clock.now(), code: 128, oom_killed: false, message: message.to_owned() };
        self.phase = Phase::Exited { exit, ran: Duration::ZERO };
        self.exit.send_replace(Some(128));
    }

    /// When it ends by itself, counted from its start.
    pub fn planned_end(&self) -> Option<Ending> {
        let memory = self.spec.resources.memory_limit_bytes;
        if memory.is_some_and(|limit| self.plan.memory_bytes > limit) {
            return Some(Ending { after: Duration::ZERO, code: 137, oom_killed: true });
        }
        if let Some(after) = self.plan.exit_after {
            return Some(Ending { after, code: self.plan.exit_code, oom_killed: self.plan.exit_oom_killed });
        }
        match self.program.end {
            End::After(after, code) => Some(Ending { after, code, oom_killed: false }),
            End::WithStdin if !self.spec.stdin => Some(Ending { after: Duration::ZERO, code: 0, oom_killed: false }),
            End::WithStdin | End::Unknown => None,
        }
    }

    /// How it ends when it is asked to stop; `None` if it does not listen.
    pub fn stop(&self) -> Option<Ending> {
        if self.plan.is_deaf {
            return None;
        }
        let planned = self.plan.stop_delay.is_some() || self.plan.stop_code.is_some();
        let code = match (planned, self.program.on_term) {
            (true, _) => Some(self.plan.stop_code.unwrap_or(0)),
            (false, Some(code)) => Some(code),
            (false, None) => (self.program.end == End::Unknown).then_some(0),
        };
        code.map(|code| Ending { after: self.plan.stop_delay.unwrap_or_default(), code, oom_killed: false })
    }

    /// How long it has run, and since when; `None` if it never has.
    pub fn ran(&self) -> Option<(Timestamp, Duration)> {
        match &self.phase {
            Phase::Created => None,
            Phase::Running { at, since } => Some((*at, clock::instant() - *since)),
            Phase::Exited { exit, ran } => Some((exit.started_at?, *ran)),
        }
    }

    pub fn journal(&self) -> Journal {
        let mut lines = self.program.lines.clone();
        if self.program.end == End::Unknown && lines.is_empty() {
            lines.push((Duration::ZERO, LogStream::Stdout, format!("{} started\n", self.spec.name).into()));
        }
        Journal { lines, every: self.plan.log_every }
    }

    pub fn status(&self, id: &ContainerId) -> ContainerStatus {
        ContainerStatus {
            id: id.clone(),
            sandbox: self.sandbox.clone(),
            name: self.spec.name.clone(),
            attempt: self.spec.attempt,
            state: match &self.phase {
                Phase::Created => ContainerState::Created,
                Phase::Running { at, .. } => ContainerState::Running { started_at: *at },
                Phase::Exited { exit, .. } => ContainerState::Exited(exit.clone()),
            },
            created_at: self.created_at,
            image: self.spec.image.clone(),
            image_id: self.image_id.clone(),
            labels: self.spec.labels.clone(),
            annotations: self.spec.annotations.clone(),
        }
    }

    /// `None` unless it runs.
    pub fn stats(&self, id: &ContainerId) -> Option<ContainerStats> {
        let Phase::Running { since, .. } = self.phase else { return None };
        Some(ContainerStats {
            id: id.clone(),
            sandbox: self.sandbox.clone(),
            name: self.spec.name.clone(),
            labels: self.spec.labels.clone(),
            at: self.clock.now(),
            cpu_nanos: (clock::instant() - since).as_nanos() as u64 * self.plan.cpu_millis / 1000,
            memory_bytes: self.plan.memory_bytes,
            working_set_bytes: self.plan.memory_bytes,
        })
    }
}

//! The probes of one pod's containers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use tokio::sync::Notify;

use super::{Desk, Work};
use crate::actors::kubelet::lifecycle::{Probes, Role, Verdicts, World, members};
use crate::actors::kubelet::probe::{self, Kind, Tally};
use crate::runtime::clock::{self, Instant};
use crate::runtime::containers::{ContainerId, ContainerState};

/// Which containers are probed, and what was found.
pub(super) struct Prober {
    desk: Arc<Desk>,
    targets: RefCell<BTreeMap<ContainerId, Target>>,
    verdicts: RefCell<Probes>,
    /// New targets are there, or old ones are gone.
    renewed: Notify,
    ip: Cell<Option<IpAddr>>,
}

#[derive(Clone)]
struct Target {
    container: Arc<Container>,
    field_path: Arc<str>,
    started_at: Instant,
}

impl Prober {
    pub fn new(desk: Arc<Desk>) -> Self {
        let (targets, verdicts, ip) = Default::default();
        Self { desk, targets, verdicts, renewed: Notify::new(), ip }
    }

    pub fn verdicts(&self) -> Probes {
        self.verdicts.borrow().clone()
    }

    /// Probes what runs, and nothing else.
    pub fn follow(&self, pod: &Pod, world: &World, ip: Option<IpAddr>) {
        self.ip.set(ip);
        let mut targets = self.targets.borrow_mut();
        let mut running = BTreeSet::new();
        let mut is_new = false;
        for member in members(pod).iter().filter(|member| matches!(member.role, Role::Sidecar | Role::Main)) {
            let probed = [Kind::Startup, Kind::Liveness, Kind::Readiness].into_iter().any(|kind| kind.of(&member.spec).is_some());
            let Some(container) = world.newest(member.name()).filter(|_| probed) else { continue };
            let ContainerState::Running { started_at } = container.state else { continue };
            running.insert(container.id.clone());
            targets.entry(container.id.clone()).or_insert_with(|| {
                is_new = true;
                let ago = Duration::try_from(clock::now().duration_since(started_at)).unwrap_or_default();
                let started_at = clock::instant().checked_sub(ago).unwrap_or_else(clock::instant);
                let container = Arc::new(member.spec.clone().into_owned());
                Target { container, field_path: member.field_path().into(), started_at }
            });
        }
        let before = targets.len();
        targets.retain(|id, _| running.contains(id));
        self.verdicts.borrow_mut().retain(|id, _| running.contains(id));
        if is_new || targets.len() != before {
            self.renewed.notify_one();
        }
    }

    fn is_started(&self, id: &ContainerId, container: &Container) -> bool {
        container.startup_probe.is_none() || self.verdicts.borrow().get(id).is_some_and(|verdicts| verdicts.startup == Some(true))
    }

    fn judge(&self, id: &ContainerId, kind: Kind, verdict: bool) {
        let mut verdicts = self.verdicts.borrow_mut();
        let Verdicts { startup, liveness, readiness } = verdicts.entry(id.clone()).or_default();
        let place = match kind {
            Kind::Startup => startup,
            Kind::Liveness => liveness,
            Kind::Readiness => readiness,
        };
        *place = Some(verdict);
        self.desk.wake();
        if kind == Kind::Startup {
            self.renewed.notify_one();
        }
    }
}

/// Probes for as long as the worker lives.
pub(super) async fn run(work: &Work) {
    let prober = &work.prober;
    let mut running = FuturesUnordered::new();
    let mut started: BTreeSet<(ContainerId, Kind)> = BTreeSet::new();
    loop {
        let targets = prober.targets.borrow().clone();
        for (id, target) in &targets {
            let begun = prober.is_started(id, &target.container);
            let kinds = if begun { &[Kind::Liveness, Kind::Readiness][..] } else { &[Kind::Startup][..] };
            for kind in kinds.iter().copied().filter(|kind| kind.of(&target.container).is_some()) {
                if started.insert((id.clone(), kind)) {
                    let (id, target) = (id.clone(), target.clone());
                    running.push(async move {
                        probe_until_gone(work, &id, &target, kind).await;
                    });
                }
            }
        }
        started.retain(|(id, _)| targets.contains_key(id));
        tokio::select! {
            biased;
            () = prober.renewed.notified() => {}
            Some(()) = running.next() => {}
        }
    }
}

/// Probes once, unless it is known what comes of it.
async fn find(work: &Work, id: &ContainerId, target: &Target, kind: Kind, spec: &Probe) -> Result<(), String> {
    let machine = &work.context.machine;
    let result = match machine.findings.known(id, kind.name()) {
        Some(true) => Ok(()),
        Some(false) => Err("it failed before".to_owned()),
        None => probe::ask(machine, id, &target.container, work.prober.ip.get(), spec).await,
    };
    machine.findings.found(id, kind.name(), result.is_ok());
    result
}

/// Asks again and again, until the container has gone or, at its startup, has started.
async fn probe_until_gone(work: &Work, id: &ContainerId, target: &Target, kind: Kind) {
    let Some(spec) = kind.of(&target.container) else { return };
    let period = probe::seconds(spec.period_seconds, 10);
    let first = target.started_at + Duration::from_secs(spec.initial_delay_seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(0));
    tokio::time::sleep_until(first).await;
    let mut tally = Tally::default();
    loop {
        if !work.prober.targets.borrow().contains_key(id) {
            return;
        }
        let result = find(work, id, target, kind, spec).await;
        if !work.prober.targets.borrow().contains_key(id) {
            return;
        }
        if let Err(error) = &result {
            let (object, _) = work.desk.pod();
            let about = work.about(&object).field(&*target.field_path);
            work.context.events.warning(about, "Unhealthy", format!("{kind:?} probe failed: {error}"));
        }
        if let Some(verdict) = tally.count(spec, result.is_ok()) {
            work.prober.judge(id, kind, verdict);
            if kind == Kind::Startup {
                return;
            }
        }
        tokio::time::sleep(period).await;
    }
}

//! How deeds are done.

use std::sync::Arc;

use super::{Deed, Which};
use crate::actors::leader::Leadership;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::containers::{ContainerFilter, ContainerId, ContainerRuntime, ContainerState};
use crate::simulation::cluster::Cluster;
use crate::simulation::disk::Condition;
use crate::simulation::journal::Event;
use crate::simulation::machines::Machine;
use crate::simulation::network::{Disturbance, Effect, Trap};
use crate::simulation::planes::{CONTROLLERS, SCHEDULER, candidate};

/// What there is to end of a deed that lasts.
#[derive(Debug, Default)]
pub struct Undo {
    /// Disturbances of the network, by their numbers.
    disturbances: Vec<u64>,
    /// Machines whose engine answers again.
    engines: Vec<usize>,
    /// Machines whose clock goes as the others' again.
    clocks: Vec<usize>,
    disk: bool,
    registry: bool,
}

/// The number that a deed has in the journal if it stands in no script.
const UNSCRIPTED: usize = usize::MAX;

impl Cluster {
    /// Does a deed, whoever does it. What lasts goes on, and ends by itself.
    ///
    /// # Errors
    /// What the API says to a user. It is in the journal, too.
    pub async fn inject(self: &Arc<Self>, deed: &Deed) -> Result<(), Status> {
        let note = |what: String| self.journal.write(Event::Deed { number: UNSCRIPTED, what });
        note(serde_json::to_string(deed).unwrap_or_default());
        if deed.is_users() {
            let outcome = self.act(deed).await;
            return outcome.inspect_err(|status| note(format!("is refused: {status}")));
        }
        let undo = self.strike(deed).await;
        let span = deed.span().0;
        if !span.is_zero() {
            let cluster = self.clone();
            actix::spawn(async move {
                tokio::time::sleep(span).await;
                cluster.undo(undo);
            });
        }
        Ok(())
    }

    /// Whether the nodes and zones that a deed names are there.
    ///
    /// # Errors
    /// Which is not.
    pub fn knows(&self, deed: &Deed) -> Result<(), String> {
        let all = self.machines.iter().map(|machine| (&*machine.name, &*machine.zone));
        let planes = self.faces().map_or(1, |faces| faces.claims.len() as u32);
        deed.is_possible_among(all).and_then(|()| deed.is_possible_with(planes)).map_err(|why| format!("{}: {why}", deed.name()))
    }

    /// Does it, up to the point where it ends by itself or by [`Cluster::undo`].
    pub async fn strike(&self, deed: &Deed) -> Undo {
        match deed {
            Deed::Crash { down } => {
                self.crash_for(down.0).await;
                Undo::default()
            }
            Deed::PowerLoss { down } => {
                self.lose_power(down.0).await;
                Undo::default()
            }
            Deed::CrashAtRequest { .. } | Deed::CrashAtWrite { .. } | Deed::Panic { .. } | Deed::RestartNode { .. } => {
                self.break_process(deed);
                Undo::default()
            }
            Deed::ClockJump { seconds } => {
                clock::jump(jiff::SignedDuration::from_secs(*seconds));
                Undo::default()
            }
            Deed::SkewClock { node, seconds, .. } => {
                let machine = self.node(node);
                self.machines[machine].runtime.clock().set_ahead(*seconds);
                Undo { clocks: vec![machine], ..Undo::default() }
            }
            Deed::SlowDisk { .. } | Deed::FullDisk { .. } | Deed::FailFsync {} => self.break_disk(deed),
            Deed::LoseNode { .. }
            | Deed::LoseZone { .. }
            | Deed::Reboot { .. }
            | Deed::EngineOutage { .. }
            | Deed::RegistryOutage { .. }
            | Deed::KillContainers { .. }
            | Deed::OomKill { .. }
            | Deed::WedgeContainers { .. } => self.break_machines(deed).await,
            _ => {
                let disturbances = self.effects(deed).into_iter().map(|disturbance| self.network.disturb(disturbance)).collect();
                Undo { disturbances, ..Undo::default() }
            }
        }
    }

    /// Ends a deed that lasts.
    pub fn undo(&self, undo: Undo) {
        undo.disturbances.into_iter().for_each(|number| self.network.calm(number));
        undo.engines.into_iter().for_each(|machine| self.machines[machine].runtime.set_outage(None));
        undo.clocks.into_iter().for_each(|machine| self.machines[machine].runtime.clock().set_ahead(0));
        if undo.disk {
            self.disk.set(Condition::default());
        }
        if undo.registry {
            self.machines.iter().for_each(|machine| machine.runtime.set_registry_outage(None));
        }
    }

    /// Ends all that can be ended: what is broken now is for the cluster to mend.
    pub fn relent(&self) {
        self.network.calm_all();
        self.disk.forget_trap();
        self.disk.set(Condition::default());
        for machine in self.machines.iter() {
            machine.runtime.set_outage(None);
            machine.runtime.set_registry_outage(None);
            machine.runtime.clock().set_ahead(0);
        }
    }

    /// The number of a machine. A script is not begun if it names one that is not there.
    pub(super) fn node(&self, which: &Which) -> usize {
        match which {
            Which::Number(number) => *number as usize % self.machines.len(),
            Which::Name(name) => self.machines.iter().position(|machine| machine.name == *name).unwrap_or(0),
        }
    }

    fn break_process(&self, deed: &Deed) {
        match deed {
            Deed::CrashAtRequest { user, verb, collection, subresource, nth, side } => self.network.set(Trap {
                user: user.clone(),
                verb: verb.clone(),
                collection: collection.clone(),
                subresource: subresource.clone(),
                nth: *nth,
                side: *side,
            }),
            Deed::CrashAtWrite { nth, side } => self.disk.set_trap(*nth, *side),
            _ => {}
        }
        let Some(faces) = self.faces() else { return };
        match deed {
            Deed::Panic { pick } => {
                let paths = faces.root.paths();
                // The first is the root, whose end is everybody's.
                faces.root.inject_panic(&paths[1 + *pick as usize % (paths.len() - 1)]);
            }
            Deed::RestartNode { node } => {
                faces.root.inject_panic(&format!("/node {}", self.machines[self.node(node)].name));
            }
            _ => {}
        }
    }

    fn break_disk(&self, deed: &Deed) -> Undo {
        let now = self.disk.condition();
        self.disk.set(match deed {
            Deed::SlowDisk { most, .. } => Condition { latency: most.0, ..now },
            Deed::FullDisk { .. } => Condition { is_full: true, ..now },
            _ => Condition { is_doubtful: true, ..now },
        });
        Undo { disk: !matches!(deed, Deed::FailFsync {}), ..Undo::default() }
    }

    async fn break_machines(&self, deed: &Deed) -> Undo {
        match deed {
            Deed::LoseNode { node, .. } => self.cut_power(vec![self.node(node)]),
            Deed::LoseZone { zone, .. } => {
                let first = self.node(zone);
                let lost = match zone {
                    Which::Number(_) => &self.machines[first].zone,
                    Which::Name(name) => name,
                };
                // A machine of which nothing is known stands alone.
                if lost.is_empty() {
                    return self.cut_power(vec![first]);
                }
                self.cut_power((0..self.machines.len()).filter(|machine| self.machines[*machine].zone == *lost).collect())
            }
            Deed::Reboot { node } => {
                self.machines[self.node(node)].runtime.reboot();
                Undo::default()
            }
            Deed::EngineOutage { node, .. } => {
                self.machines[self.node(node)].runtime.set_outage(Some("the engine does not answer".into()));
                Undo { engines: vec![self.node(node)], ..Undo::default() }
            }
            Deed::RegistryOutage { .. } => {
                self.machines.iter().for_each(|machine| machine.runtime.set_registry_outage(Some("the registry does not answer".into())));
                Undo { registry: true, ..Undo::default() }
            }
            Deed::KillContainers { node, share } | Deed::OomKill { node, share } => {
                let machine = &self.machines[self.node(node)];
                for id in some(machine, *share).await {
                    machine.runtime.kill(&id, 137, matches!(deed, Deed::OomKill { .. }));
                }
                Undo::default()
            }
            Deed::WedgeContainers { node, share } => {
                let machine = &self.machines[self.node(node)];
                some(machine, *share).await.iter().for_each(|id| machine.runtime.wedge(id));
                Undo::default()
            }
            _ => Undo::default(),
        }
    }

    /// Nothing runs on these machines, and nothing can be started on them; what their kubelets say arrives nowhere.
    fn cut_power(&self, machines: Vec<usize>) -> Undo {
        let cut = |machine: &usize| {
            let machine = &self.machines[*machine];
            machine.runtime.reboot();
            machine.runtime.set_outage(Some("the machine is without power".into()));
            self.network.disturb(Disturbance { user: machine.user(), effect: Effect::Cut })
        };
        Undo { disturbances: machines.iter().map(cut).collect(), engines: machines, ..Undo::default() }
    }

    /// As whom a control plane pursues its lease, counted from the one that leads, or from the first; `None` while none runs.
    fn candidate(&self, pick: u32) -> Option<String> {
        let claims = self.faces()?.claims;
        let first = claims.iter().position(Leadership::holds).unwrap_or(0);
        (!claims.is_empty()).then(|| candidate((first + pick as usize) % claims.len()))
    }

    /// What of the network a deed disturbs.
    fn effects(&self, deed: &Deed) -> Vec<Disturbance> {
        let everybody = |effect| vec![Disturbance { user: String::new(), effect }];
        let one = |user: &str, effect| vec![Disturbance { user: user.to_owned(), effect }];
        let node = |which: &Which| self.machines[self.node(which)].user();
        match deed {
            Deed::Stale { .. } => one(CONTROLLERS, Effect::Stale),
            Deed::SlowApi { most, .. } => everybody(Effect::Slow(most.0)),
            Deed::LoseRequests { rate, .. } => everybody(Effect::LostRequests(*rate)),
            Deed::LoseAnswers { rate, .. } => everybody(Effect::LostAnswers(*rate)),
            Deed::DuplicateRequests { rate, .. } => everybody(Effect::Duplicates(*rate)),
            Deed::ConflictStorm { rate, .. } => everybody(Effect::Conflicts(*rate)),
            Deed::DropWatches { rate, .. } => everybody(Effect::BrokenWatches(*rate)),
            Deed::ForgetPlaces { rate, .. } => everybody(Effect::LostPlaces(*rate)),
            Deed::IsolateControllers { .. } => one(CONTROLLERS, Effect::Cut),
            Deed::IsolateScheduler { .. } => one(SCHEDULER, Effect::Cut),
            Deed::SilenceNode { node: which, .. } => one(&node(which), Effect::Cut),
            Deed::LoseLease { pick, .. } => self.candidate(*pick).map_or_else(Vec::new, |user| one(&user, Effect::Cut)),
            Deed::ForgeLease { pick, .. } => self.candidate(*pick).map_or_else(Vec::new, |user| one(&user, Effect::Forged)),
            Deed::DeafenNode { node: which, .. } => one(&node(which), Effect::Deaf),
            _ => Vec::new(),
        }
    }
}

/// A share of a machine's running containers, the oldest of them.
async fn some(machine: &Machine, share: f64) -> Vec<ContainerId> {
    let containers = machine.runtime.list_containers(&ContainerFilter::default()).await.unwrap_or_default();
    let running: Vec<ContainerId> =
        containers.into_iter().filter(|container| matches!(container.state, ContainerState::Running { .. })).map(|it| it.id).collect();
    let count = (running.len() as f64 * share).ceil() as usize;
    running.into_iter().take(count).collect()
}

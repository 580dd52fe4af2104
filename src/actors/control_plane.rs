//! The cast that drives what is towards what is wished: the scheduler and the controllers, with the informers they share.

mod office;

pub use office::{Candidacy, stand};

use super::controllers::{self, Tools};
use super::events::Recorder;
use super::informer::Informers;
use super::scheduler::{self, Diagnoses};
use crate::api::client::ClientRef;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{Strategy, Supervisor, SupervisorSpec};

/// What a control plane offers the rest of its process.
pub struct ControlPlane {
    /// One informer a kind, for whoever else needs one.
    pub informers: Informers,
    /// Of all of it.
    supervisor: Supervisor,
}

/// What a control plane is set up with.
#[derive(Clone)]
pub struct Options {
    pub controllers: controllers::Options,
    /// Where it says why pods wait, for whoever is asked.
    pub diagnoses: Diagnoses,
}

/// As whom each part of the cast speaks to the API.
pub struct Clients<F> {
    /// The client of a user, by name: `system:kube-scheduler`.
    pub of: F,
}

impl ControlPlane {
    /// Starts everything below `root`, informers first: a part that cannot live without them is restarted with them.
    pub fn start<F: Fn(&str) -> ClientRef>(root: &Supervisor, clients: &Clients<F>, entropy: &Entropy, controls: &Options) -> Self {
        Self::start_as(Strategy::RestForOne.into(), root, clients, entropy, controls)
    }

    fn start_as<F: Fn(&str) -> ClientRef>(
        spec: SupervisorSpec,
        root: &Supervisor,
        clients: &Clients<F>,
        entropy: &Entropy,
        controls: &Options,
    ) -> Self {
        let entropy = entropy.split("control-plane");
        let supervisor = root.supervisor("control-plane", spec);
        let client = |user: &str| (clients.of)(user);
        let shared = supervisor.supervisor("informers", Strategy::OneForOne);
        let informers = Informers::new(shared, client("system:kube-controller-manager"), &entropy);

        let scheduling = supervisor.supervisor("scheduling", Strategy::OneForOne);
        let scheduler_client = client("system:kube-scheduler");
        let options = scheduler::Options {
            name: scheduler::DEFAULT_NAME.into(),
            recorder: Recorder::start(&scheduling, scheduler_client.clone(), &entropy, scheduler::DEFAULT_NAME, ""),
            client: scheduler_client,
            informers: informers.clone(),
            diagnoses: controls.diagnoses.clone(),
        };
        scheduler::start(&scheduling, options, &entropy);

        let room = supervisor.supervisor("controllers", Strategy::OneForOne);
        let tools = Tools { client: client("system:kube-controller-manager"), informers: informers.clone() };
        controllers::start(&room, &tools, &entropy, &controls.controllers);
        Self { informers, supervisor }
    }
}

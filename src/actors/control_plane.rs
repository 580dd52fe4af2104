//! The cast that drives what is towards what is wished: the scheduler and the controllers, with the informers they share.

use super::controllers::{Controller, EndpointSlices, Endpoints, Mirroring, Replication, Tools};
use super::events::Recorder;
use super::informer::Informers;
use super::scheduler::{self, Diagnoses};
use crate::api::client::ClientRef;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{Strategy, Supervisor};

/// What a control plane offers the rest of its process.
pub struct ControlPlane {
    /// One informer a kind, for whoever else needs one.
    pub informers: Informers,
    /// Why pods wait.
    pub diagnoses: Diagnoses,
}

/// As whom each part of the cast speaks to the API.
pub struct Clients<F> {
    /// The client of a user, by name: `system:kube-scheduler`.
    pub of: F,
}

impl ControlPlane {
    /// Starts everything below `root`, informers first: a part that cannot live without them is restarted with them.
    pub fn start<F: Fn(&str) -> ClientRef>(root: &Supervisor, clients: &Clients<F>, entropy: &Entropy) -> Self {
        let entropy = entropy.split("control-plane");
        let supervisor = root.supervisor("control-plane", Strategy::RestForOne);
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
        };
        let diagnoses = scheduler::start(&scheduling, options, &entropy);

        let controllers = supervisor.supervisor("controllers", Strategy::OneForOne);
        let tools = |component: &'static str| {
            let client = client("system:kube-controller-manager");
            let events = Recorder::start(&controllers, client.clone(), &entropy, component, "");
            Tools { client, informers: informers.clone(), events }
        };
        let replication = tools("replication-controller");
        Controller::start(&controllers, &entropy, move || Replication::new(&replication));
        let endpoints = tools("endpoint-controller");
        Controller::start(&controllers, &entropy, move || Endpoints::new(&endpoints));
        let slices = tools("endpoint-slice-controller");
        Controller::start(&controllers, &entropy, move || EndpointSlices::new(&slices));
        let mirroring = tools("endpointslicemirroring-controller");
        Controller::start(&controllers, &entropy, move || Mirroring::new(&mirroring));
        Self { informers, diagnoses }
    }
}

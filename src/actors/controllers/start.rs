//! All controllers of a cluster, under one supervisor.

use std::sync::Arc;

use super::{Controller, EndpointSlices, Endpoints, Garbage, Mirroring, NamespaceDefaults, Namespaces, Reconciler, Replication, Tools};
use crate::actors::events::Recorder;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::Supervisor;

/// What the controllers have to be told.
#[derive(Clone)]
pub struct Options {
    /// The certificate of the cluster's authority, PEM; every namespace gets it.
    pub root_ca: Arc<str>,
}

/// Starts every controller as a child of `supervisor`, which had better be one-for-one. They act as soon as their informers have synced,
/// so only the process that leads may call this.
pub fn start(supervisor: &Supervisor, tools: &Tools, entropy: &Entropy, options: &Options) {
    let entropy = entropy.split("controllers");
    let recorder = |component| Recorder::start(supervisor, tools.client.clone(), &entropy, component, "");
    let replication_events = recorder("replication-controller");
    let root_ca = options.root_ca.clone();
    let cast = Cast { supervisor, tools, entropy: &entropy };
    cast.start(move |tools| Replication::new(tools, replication_events.clone()));
    cast.start(Endpoints::new);
    cast.start(EndpointSlices::new);
    cast.start(Mirroring::new);
    cast.start(Namespaces::new);
    cast.start(move |tools| NamespaceDefaults::new(tools, root_ca.clone()));
    cast.start(Garbage::new);
}

struct Cast<'a> {
    supervisor: &'a Supervisor,
    tools: &'a Tools,
    entropy: &'a Entropy,
}

impl Cast<'_> {
    fn start<R: Reconciler>(&self, mut reconciler: impl FnMut(&Tools) -> R + Send + 'static) {
        let tools = self.tools.clone();
        Controller::start(self.supervisor, self.entropy, move || reconciler(&tools));
    }
}

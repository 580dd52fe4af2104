//! All controllers of a cluster, under one supervisor.

use std::sync::Arc;

use super::{
    Certificates, Certifying, ClaimProtection, ClusterRoles, Controller, DefinitionCleanup, Definitions, EndpointSlices, Endpoints,
    FlowSchemas, Garbage, Grace, Mirroring, NamespaceDefaults, Namespaces, Nodes, PodGarbage, Quotas, Reconciler, Replication,
    TaintEviction, TokenSecrets, Tools, VolumeBinder, VolumeProtection,
};
use crate::actors::events::Recorder;
use crate::api::tokens::Tokens;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::Supervisor;

/// What the controllers have to be told.
#[derive(Clone)]
pub struct Options {
    /// The certificate of the cluster's authority, PEM; every namespace gets it.
    pub root_ca: Arc<str>,
    pub node_grace: Grace,
    /// Signs the tokens of the secrets that ask for one; without it they stay as they are.
    pub tokens: Option<Arc<Tokens>>,
    /// Answers signing requests; without it they wait for somebody else.
    pub certifying: Option<Certifying>,
    /// How many pods that have ended are kept; 0 keeps all.
    pub ended_pods: usize,
}

impl Options {
    /// Upstream's defaults.
    pub fn new(root_ca: impl Into<Arc<str>>) -> Self {
        Self { root_ca: root_ca.into(), node_grace: Grace::default(), tokens: None, certifying: None, ended_pods: 12500 }
    }
}

/// Starts every controller as a child of `supervisor`, which had better be one-for-one. They act as soon as their informers have synced,
/// so only the process that leads may call this.
pub fn start(supervisor: &Supervisor, tools: &Tools, entropy: &Entropy, options: &Options) {
    let entropy = entropy.split("controllers");
    let recorder = |component| Recorder::start(supervisor, tools.client.clone(), &entropy, component, "");
    let replication_events = recorder("replication-controller");
    let node_events = recorder("node-controller");
    let volume_events = recorder("persistentvolume-controller");
    let eviction_events = recorder("taint-eviction-controller");
    let Options { root_ca, node_grace, tokens, certifying, ended_pods } = options.clone();
    let ca = root_ca.clone();
    let cast = Cast { supervisor, tools, entropy: &entropy };
    cast.start(move |tools| Replication::new(tools, replication_events.clone()));
    cast.start(Endpoints::new);
    cast.start(EndpointSlices::new);
    cast.start(Mirroring::new);
    cast.start(Namespaces::new);
    cast.start(move |tools| NamespaceDefaults::new(tools, root_ca.clone()));
    cast.start(move |it| TokenSecrets::new(it, ca.clone(), tokens.clone()));
    cast.start(Garbage::new);
    cast.start(move |tools| Nodes::new(tools, node_events.clone(), node_grace));
    cast.start(move |tools| TaintEviction::new(tools, eviction_events.clone()));
    cast.start(move |tools| PodGarbage::new(tools, ended_pods));
    cast.start(Quotas::new);
    cast.start(move |tools| VolumeBinder::new(tools, volume_events.clone()));
    cast.start(ClaimProtection::new);
    cast.start(VolumeProtection::new);
    cast.start(Definitions::new);
    cast.start(DefinitionCleanup::new);
    cast.start(FlowSchemas::new);
    cast.start(ClusterRoles::new);
    if let Some(certifying) = certifying {
        cast.start(move |tools| Certificates::new(tools, certifying.clone()));
    }
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

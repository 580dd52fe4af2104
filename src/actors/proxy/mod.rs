//! The service proxy: whoever connects to a service's address reaches one of its pods, and whoever connects to a port of the node that a
//! pod takes reaches that pod.
//!
//! The [`proxier`] turns services, endpoint slices and pods into a table of frontends; a [`listener`] for each passes its clients on, over
//! TCP ([`tcp`], [`relay`]) or UDP ([`udp`]). What a service ([`frontend`]) or a pod ([`host_ports`]) asks for and who gets a connection
//! ([`backends`]) is decided without actors or sockets.

mod backends;
mod frontend;
mod host_ports;
mod listener;
mod listeners;
mod pod_view;
mod proxier;
mod relay;
mod service_view;
mod slice_view;
mod table;
mod tcp;
mod udp;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

pub use backends::Backends;
pub use frontend::{Frontend, Node};
pub(super) use service_view::{ServicePort, ServiceView};
pub(super) use slice_view::{Condition, Endpoint, SERVICE_NAME, SliceView, service_of};
pub use table::{Owner, Row, Table};

use super::informer::Informers;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::ServiceNetwork;
use crate::runtime::supervision::{ChildSpec, Strategy, Supervisor};
use crate::runtime::watch;
use listeners::Listeners;
use proxier::Proxier;

/// Where a proxy stands, and what it may open.
#[derive(Clone)]
pub struct Options {
    pub node: Node,
    /// `None` opens no sockets, as in a simulation: the table is kept all the same.
    pub network: Option<Arc<dyn ServiceNetwork>>,
}

/// What others see of the proxy. Clones share it.
#[derive(Clone)]
pub struct Proxy(watch::Sender<Table>);

impl Proxy {
    /// The frontends as they are now.
    pub fn table(&self) -> Table {
        self.0.borrow().clone()
    }

    /// Resolves once the table is as somebody waits for, with what it is then.
    pub async fn reached(&self, is_so: impl FnMut(&Table) -> bool) -> Table {
        self.0.subscribe().wait_for(is_so).await.expect("the sender lives as long as this handle")
    }
}

/// Starts the proxier, and a supervisor for its listeners, below a supervisor: they run on its thread.
pub fn start(supervisor: &Supervisor, informers: &Informers, entropy: &Entropy, options: Options) -> Proxy {
    let published = watch::Sender::new(Table::default());
    let listeners = options.network.map(|network| {
        let below = supervisor.supervisor("listeners", Strategy::OneForOne);
        Arc::new(Listeners::new(below, network, entropy.split("listeners")))
    });
    let (services, slices, node) = (informers.typed::<Service>(), informers.typed::<EndpointSlice>(), Arc::new(options.node));
    let pods = node.opens_host_ports.then(|| informers.typed::<Pod>());
    let proxy = Proxy(published.clone());
    supervisor.start(ChildSpec::new("proxier", move || Proxier {
        services: services.clone(),
        slices: slices.clone(),
        pods: pods.clone(),
        node: node.clone(),
        listeners: listeners.clone(),
        table: Table::default(),
        published: published.clone(),
    }));
    proxy
}

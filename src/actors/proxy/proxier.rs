//! The proxier: keeps the node's table of frontends, and its listeners, in step with services and their endpoint slices, and with the
//! node's pods.
//!
//! It is woken by their informers, takes no messages, and starts, swaps and retires listeners. A change costs what the changed object
//! costs. A new proxier after a panic takes over the listeners that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::{Actor, AsyncContext, StreamHandler};
use futures::{Stream, StreamExt, stream};

use super::backends::Backends;
use super::frontend::{Frontend, Node, frontends};
use super::host_ports::host_ports;
use super::listeners::Listeners;
use super::pod_view::PodView;
use super::service_view::ServiceView;
use super::slice_view::{SERVICE_NAME, SliceView, service_of};
use super::table::{Owner, Table};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::runtime::supervision::Ctx;
use crate::runtime::watch;

pub struct Proxier {
    pub services: InformerHandle,
    pub slices: InformerHandle,
    /// `None` where host ports are not ours to open.
    pub pods: Option<InformerHandle>,
    pub node: Arc<Node>,
    /// `None`: the table is all there is.
    pub listeners: Option<Arc<Listeners>>,
    pub table: Table,
    /// Where others read the table.
    pub published: watch::Sender<Table>,
}

/// Whose frontends may have changed.
pub struct Touched {
    owners: BTreeSet<Owner>,
    /// These are all that there are.
    all: bool,
}

impl Actor for Proxier {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (services, slices, pods) = (self.services.clone(), self.slices.clone(), self.pods.clone());
        ctx.add_stream(stream::once(touched(services, slices, pods)).flatten());
    }
}

/// Begins with all that there are, once the informers have synced.
async fn touched(services: InformerHandle, slices: InformerHandle, pods: Option<InformerHandle>) -> impl Stream<Item = Touched> {
    for informer in [&services, &slices].into_iter().chain(&pods) {
        informer.synced().await;
    }
    let (mut services, mut slices, mut pods) = (services.subscribe(), slices.subscribe(), pods.map(|pods| pods.subscribe()));
    let mut first = of_slices(slices.ready());
    first.extend(of_services(services.ready()));
    first.extend(pods.as_mut().map(|pods| of_pods(pods.ready())).unwrap_or_default());
    let pods = pods.map_or_else(|| stream::pending().left_stream(), |pods| pods.map(of_pods).right_stream());
    let changes = stream::select(stream::select(services.map(of_services), slices.map(of_slices)), pods);
    stream::iter([Touched { owners: first, all: true }]).chain(changes.map(|owners| Touched { owners, all: false }))
}

fn of_services(deltas: Vec<Delta>) -> BTreeSet<Owner> {
    deltas.into_iter().map(|delta| Owner::Service(delta.key)).collect()
}

fn of_slices(deltas: Vec<Delta>) -> BTreeSet<Owner> {
    deltas.iter().flat_map(|delta| [&delta.old, &delta.new]).flatten().filter_map(|slice| service_of(slice)).map(Owner::Service).collect()
}

fn of_pods(deltas: Vec<Delta>) -> BTreeSet<Owner> {
    deltas.into_iter().map(|delta| Owner::Pod(delta.key)).collect()
}

impl StreamHandler<Touched> for Proxier {
    fn handle(&mut self, touched: Touched, _: &mut Self::Context) {
        let mut changed: BTreeSet<Frontend> = touched.owners.iter().flat_map(|owner| self.recompute(owner)).collect();
        if touched.all {
            changed.extend(self.listeners.iter().flat_map(|listeners| listeners.frontends()));
        }
        self.published.send_replace(self.table.clone());
        let Some(listeners) = &self.listeners else { return };
        for frontend in changed {
            listeners.set(frontend, self.table.get(&frontend).map(|row| &row.backends));
        }
    }
}

impl Proxier {
    fn recompute(&mut self, owner: &Owner) -> BTreeSet<Frontend> {
        let wanted = match owner {
            Owner::Service(key) => self.of_service(key),
            Owner::Pod(key) => self.of_pod(key),
        };
        self.table.put(owner, wanted.unwrap_or_default())
    }

    /// `None` for one that is gone.
    fn of_service(&self, key: &ObjectKey) -> Option<BTreeMap<Frontend, Backends>> {
        let (services, slices) = (self.services.view(), self.slices.view());
        let service = services.get(key)?.project::<ServiceView>();
        let slices: Vec<Arc<SliceView>> = slices.by_label(&key.namespace, SERVICE_NAME, &key.name).map(|slice| slice.project()).collect();
        Some(frontends(key, &service, &slices, &self.node))
    }

    /// `None` for one that is gone.
    fn of_pod(&self, key: &ObjectKey) -> Option<BTreeMap<Frontend, Backends>> {
        let pods = self.pods.as_ref()?.view();
        Some(host_ports(&pods.get(key)?.project::<PodView>(), &self.node))
    }
}

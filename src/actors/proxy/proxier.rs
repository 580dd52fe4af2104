//! The proxier: keeps the node's table of frontends, and its listeners, in step with services and their endpoint slices.
//!
//! It is woken by the two informers, takes no messages, and starts, swaps and retires listeners. A change costs what the changed service
//! costs. A new proxier after a panic takes over the listeners that are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, AsyncContext, StreamHandler};
use futures::{Stream, StreamExt, stream};

use super::frontend::{Frontend, Node, frontends};
use super::listeners::Listeners;
use super::service_view::ServiceView;
use super::slice_view::{SERVICE_NAME, SliceView, service_of};
use super::table::Table;
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::runtime::supervision::Ctx;
use crate::runtime::watch;

pub struct Proxier {
    pub services: InformerHandle,
    pub slices: InformerHandle,
    pub node: Arc<Node>,
    /// `None`: the table is all there is.
    pub listeners: Option<Arc<Listeners>>,
    pub table: Table,
    /// Where others read the table.
    pub published: watch::Sender<Table>,
}

/// Services that changed, or whose endpoints did.
pub struct Touched {
    services: BTreeSet<ObjectKey>,
    /// These are all services there are.
    all: bool,
}

impl Actor for Proxier {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (services, slices) = (self.services.clone(), self.slices.clone());
        ctx.add_stream(stream::once(touched(services, slices)).flatten());
    }
}

/// Begins with all services, once both informers have synced.
async fn touched(services: InformerHandle, slices: InformerHandle) -> impl Stream<Item = Touched> {
    services.synced().await;
    slices.synced().await;
    let (mut services, mut slices) = (services.subscribe(), slices.subscribe());
    let of_service = |deltas: Vec<Delta>| deltas.into_iter().map(|delta| delta.key).collect::<BTreeSet<_>>();
    let of_slice = |deltas: Vec<Delta>| deltas.iter().flat_map(|delta| [&delta.old, &delta.new]).flatten().filter_map(service_of).collect();
    let mut first: BTreeSet<ObjectKey> = of_slice(slices.ready());
    first.extend(of_service(services.ready()));
    let changes = stream::select(services.map(of_service), slices.map(of_slice)).map(|services| Touched { services, all: false });
    stream::iter([Touched { services: first, all: true }]).chain(changes)
}

impl StreamHandler<Touched> for Proxier {
    fn handle(&mut self, touched: Touched, _: &mut Self::Context) {
        let mut changed: BTreeSet<Frontend> = touched.services.iter().flat_map(|key| self.recompute(key)).collect();
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
    fn recompute(&mut self, key: &ObjectKey) -> BTreeSet<Frontend> {
        let services = self.services.view();
        let wanted = services.get(key).map(|service| {
            let slices = self.slices.view();
            let slices =
                slices.by_label(&key.namespace, SERVICE_NAME, &key.name).map(|slice| slice.project()).collect::<Vec<Arc<SliceView>>>();
            frontends(key, &service.project::<ServiceView>(), &slices, &self.node)
        });
        self.table.put(key, wanted.unwrap_or_default())
    }
}

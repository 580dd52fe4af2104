//! Which pods are whose: the pods of one informer, handed out to the nodes of this process.
//!
//! Hundreds of simulated nodes share one informer, and each is woken by changes of its own pods only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use actix::{Actor, AsyncContext, StreamHandler};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::actors::informer::{Delta, InformerHandle, ObjectKey, index};
use crate::api::object::Object;
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};

/// Hands out the changes of pods by their node. Clones share it.
#[derive(Clone)]
pub struct PodRouter(Arc<Routes>);

struct Routes {
    informer: InformerHandle,
    nodes: Mutex<BTreeMap<String, Weak<Feed>>>,
}

/// What of a node's pods has changed and was not yet looked at: bounded by the number of its pods.
#[derive(Default)]
struct Feed {
    changed: Mutex<BTreeSet<ObjectKey>>,
    notify: Notify,
}

impl PodRouter {
    /// `informer` shows pods: all of them, or those of the nodes that will ask.
    pub fn start(supervisor: &Supervisor, informer: InformerHandle) -> Self {
        let routes = Arc::new(Routes { informer, nodes: Mutex::default() });
        let shared = routes.clone();
        supervisor.start(ChildSpec::new("pod router", move || Dispatcher(shared.clone())));
        Self(routes)
    }

    /// The pods that are bound to a node. Whoever asked before for this node is not told of changes any more.
    pub fn node(&self, name: &str) -> NodePods {
        let feed = Arc::new(Feed::default());
        self.0.nodes.lock().insert(name.to_owned(), Arc::downgrade(&feed));
        NodePods { node: name.to_owned(), routes: self.0.clone(), feed }
    }
}

/// The pods of one node.
pub struct NodePods {
    node: String,
    routes: Arc<Routes>,
    feed: Arc<Feed>,
}

impl NodePods {
    /// Resolves once the pods are known.
    pub async fn synced(&self) {
        self.routes.informer.synced().await;
    }

    /// The pods that are bound to the node now.
    pub fn all(&self) -> Vec<Object> {
        self.routes.informer.view().by_node(&self.node).map(|entry| (**entry).clone()).collect()
    }

    /// The pod of that name, if it is bound to this node.
    pub fn get(&self, key: &ObjectKey) -> Option<Object> {
        let object = self.routes.informer.view().get(key).map(|entry| (**entry).clone())?;
        (node_of(&object) == self.node).then_some(object)
    }

    /// The pods that have changed since the last call; waits until one has.
    pub async fn changed(&self) -> BTreeSet<ObjectKey> {
        loop {
            let changed = std::mem::take(&mut *self.feed.changed.lock());
            if !changed.is_empty() {
                return changed;
            }
            self.feed.notify.notified().await;
        }
    }
}

fn node_of(object: &Object) -> String {
    (index::NODE.values)(object).into_iter().next().unwrap_or_default()
}

/// The actor that follows the informer.
struct Dispatcher(Arc<Routes>);

impl Actor for Dispatcher {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.0.informer.subscribe());
    }
}

impl StreamHandler<Vec<Delta>> for Dispatcher {
    fn handle(&mut self, deltas: Vec<Delta>, _: &mut Self::Context) {
        let mut nodes = self.0.nodes.lock();
        for delta in deltas {
            let node = node_of(delta.object());
            let Some(feed) = nodes.get(&node).map(Weak::upgrade) else { continue };
            match feed {
                Some(feed) => {
                    feed.changed.lock().insert(delta.key);
                    feed.notify.notify_one();
                }
                None => _ = nodes.remove(&node),
            }
        }
    }
}

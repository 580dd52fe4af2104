//! The node life cycle controller: a node whose kubelet is silent becomes Unknown, what a node's conditions say becomes taints, and pods
//! are evicted from nodes that stay away, a few nodes at a time (Nodes concept page, "Node controller").

pub mod health;
mod limiter;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde::Deserialize;
use serde_json::json;

use super::pod::PodView;
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::events::{About, Recorder};
use crate::actors::informer::index::node_name;
use crate::actors::informer::{Delta, Entry, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock::{self, Instant};
use crate::runtime::store::Stored;
use health::{Census, Eviction, NodeView};
use limiter::Limiter;

const LEASES: &str = "kube-node-lease";

/// How long a kubelet may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    pub running: Duration,
    /// Before its first status.
    pub starting: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self { running: Duration::from_secs(40), starting: Duration::from_secs(60) }
    }
}

/// Reconciles one node at a time.
pub struct Nodes {
    client: ClientRef,
    events: Recorder,
    nodes: InformerHandle,
    leases: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
    pod_kind: KindRef,
    grace: Grace,
    /// When each node gave its last sign of life, by this process's clock: a kubelet's may be wrong. After a restart all have just done so.
    heard: RefCell<BTreeMap<ObjectKey, Heard>>,
    /// The pods of silent nodes, by their UIDs, of which their kubelet has said since then that they are ready. That is news of its own, and
    /// counts: else the two would contradict each other without end. The times in both statuses are by different clocks, and say nothing.
    vouched: RefCell<BTreeMap<ObjectKey, BTreeSet<String>>>,
    limiter: RefCell<Limiter>,
}

#[derive(Clone, PartialEq)]
struct Heard {
    at: Instant,
    /// The last heartbeat in the status.
    heartbeat: Option<jiff::Timestamp>,
}

impl Nodes {
    pub fn new(tools: &Tools, events: Recorder, grace: Grace) -> Self {
        let registry = Registry::built_in();
        Self {
            client: tools.client.clone(),
            events,
            nodes: tools.informers.typed::<Node>(),
            leases: tools.informers.typed::<Lease>(),
            pods: tools.informers.typed::<Pod>(),
            kind: registry.of::<Node>().clone(),
            pod_kind: registry.of::<Pod>().clone(),
            grace,
            heard: RefCell::default(),
            vouched: RefCell::default(),
            limiter: RefCell::default(),
        }
    }

    /// The node itself; with it all that are not ready, if whether it is ready changed: that may change their turn.
    fn concerned(&self, delta: &Delta) -> Vec<ObjectKey> {
        let ready = |node: &Option<Arc<Entry>>| node.as_ref().map(|node| node.project::<NodeView>().is_ready());
        let mut keys = vec![delta.key.clone()];
        match &delta.new {
            Some(node) => self.hear_status(&delta.key, &node.project::<NodeView>()),
            None => {
                self.heard.borrow_mut().remove(&delta.key);
                self.vouched.borrow_mut().remove(&delta.key);
            }
        }
        if ready(&delta.old) != ready(&delta.new) {
            let view = self.nodes.view();
            let others = view.iter().filter(|node| !node.project::<NodeView>().is_ready());
            keys.extend(others.map(|node| ObjectKey::from(&**node)));
        }
        keys
    }

    fn hear_status(&self, key: &ObjectKey, node: &NodeView) {
        if !node.is_silent() {
            self.vouched.borrow_mut().remove(key);
        }
        let heartbeat = node.heartbeat();
        let mut heard = self.heard.borrow_mut();
        if heard.get(key).is_none_or(|heard| heard.heartbeat != heartbeat) {
            heard.insert(key.clone(), Heard { at: clock::instant(), heartbeat });
        }
    }

    /// A renewed lease is a sign of life. It wakes nobody: whoever waits for silence looks here when it is time.
    fn hear_lease(&self, delta: &Delta) -> Vec<ObjectKey> {
        let (Some(old), Some(new)) = (&delta.old, &delta.new) else { return Vec::new() };
        if &*delta.key.namespace == LEASES && renewed(old) != renewed(new) {
            let key = ObjectKey::new("", delta.key.name.clone());
            if let Some(heard) = self.heard.borrow_mut().get_mut(&key) {
                heard.at = clock::instant();
            }
            if self.nodes.view().get(&key).is_some_and(|node| node.project::<NodeView>().is_silent()) {
                return vec![key];
            }
        }
        Vec::new()
    }

    /// How much longer a node may be silent.
    fn patience(&self, key: &ObjectKey, node: &NodeView) -> Duration {
        let grace = if node.ready().is_some() { self.grace.running } else { self.grace.starting };
        let since = self.heard.borrow().get(key).map_or(Duration::ZERO, |heard| heard.at.elapsed());
        grace.saturating_sub(since)
    }

    async fn silence(&self, node: &NodeView) -> Result<Option<Object>, Status> {
        let conditions = health::silenced(node, clock::now());
        if conditions == node.conditions {
            return Ok(None);
        }
        let mut body = node.object.value();
        body["status"]["conditions"] = json!(conditions);
        let options = WriteOptions::default();
        let written = self.client.update(&self.kind, "", node.object.name(), "status", body, &options).await?;
        self.nodes.reached(written.revision()).await;
        Ok(Some(written))
    }

    /// Whether it is this node's turn, and if not, when to ask again.
    fn turn(&self, node: &NodeView) -> (Eviction, Option<Duration>) {
        if node.is_ready() || node.ready().is_none() {
            return (Eviction::Deferred, None);
        }
        let (mut zones, mut all) = (BTreeMap::<String, Census>::new(), Census::default());
        for other in self.nodes.view().iter() {
            let other = other.project::<NodeView>();
            zones.entry(other.zone()).or_default().count(&other);
            all.count(&other);
        }
        if all.ready == 0 {
            return (Eviction::Suspended, None);
        }
        if health::taints(node, Eviction::Allowed, clock::now()) == health::taints(node, Eviction::Deferred, clock::now()) {
            return (Eviction::Deferred, None);
        }
        let zone = node.zone();
        match self.limiter.borrow_mut().take(&zone, zones[&zone].evictions_per_second(), clock::instant()) {
            Ok(()) => (Eviction::Allowed, None),
            Err(wait) => (Eviction::Deferred, Some(wait)),
        }
    }

    async fn taint(&self, node: &NodeView, eviction: Eviction) -> Result<(), Status> {
        let taints = health::taints(node, eviction, clock::now());
        if taints == node.taints {
            return Ok(());
        }
        let metadata = json!({ "resourceVersion": node.object.revision().to_string() });
        let patch = Patch::Merge(json!({ "metadata": metadata, "spec": { "taints": taints } }));
        let written = self.client.patch(&self.kind, "", node.object.name(), "", patch, &WriteOptions::default()).await?;
        self.nodes.reached(written.revision()).await;
        Ok(())
    }

    /// Services must not lead to pods on a node that nobody has heard of.
    async fn mark_pods(&self, node: &NodeView) -> Result<(), Status> {
        let pods: Vec<_> = self.pods.view().by_node(node.object.name()).map(|pod| pod.project::<PodView>()).collect();
        let key = ObjectKey::new("", node.object.name());
        for pod in pods.iter().filter(|pod| pod.is_ready() && !self.is_vouched_for(&key, pod.object.uid())) {
            let mut conditions = pod.object.value()["status"]["conditions"].take();
            for condition in conditions.as_array_mut().into_iter().flatten().filter(|condition| condition["type"] == "Ready") {
                condition["status"] = "False".into();
                condition["lastTransitionTime"] = json!(clock::now());
            }
            let metadata = json!({ "uid": pod.object.uid(), "resourceVersion": pod.object.revision().to_string() });
            let patch = Patch::Merge(json!({ "metadata": metadata, "status": { "conditions": conditions } }));
            let (namespace, name) = (pod.object.namespace(), pod.object.name());
            match self.client.patch(&self.pod_kind, namespace, name, "status", patch, &WriteOptions::default()).await {
                Ok(_) => self.events.warning(About::object(&self.pod_kind, &pod.object), "NodeNotReady", "Node is not ready"),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Reconciler for Nodes {
    type Key = ObjectKey;
    const NAME: &'static str = "nodes";
    const WORKERS: usize = 8;

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.nodes, Self::concerned),
            Watch::new(&self.leases, Self::hear_lease),
            // A pod that is bound to a node that is away, or shown only now.
            Watch::new(&self.pods, |this, delta| this.away(delta)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let Some(mut node) = self.nodes.view().get(key).map(|entry| entry.project::<NodeView>()) else { return Ok(Outcome::Done) };
        let patience = self.patience(key, &node);
        if patience.is_zero()
            && let Some(written) = self.silence(&node).await?
        {
            let name = node.object.name();
            self.events.normal(About::object(&self.kind, &written), "NodeNotReady", format!("Node {name} status is now: NodeNotReady"));
            node = NodeView::from(&written).into();
        }
        let (eviction, wait) = self.turn(&node);
        self.taint(&node, eviction).await?;
        if node.is_silent() {
            self.mark_pods(&node).await?;
        }
        let again = [Some(patience).filter(|patience| !patience.is_zero()), wait];
        Ok(again.into_iter().flatten().min().map_or(Outcome::Done, Outcome::Again))
    }
}

impl Nodes {
    fn away(&self, delta: &Delta) -> Vec<ObjectKey> {
        let Some(pod) = &delta.new else { return Vec::new() };
        let key = ObjectKey::new("", node_name(pod));
        if !self.nodes.view().get(&key).is_some_and(|node| node.project::<NodeView>().is_silent()) {
            return Vec::new();
        }
        let ready_since = pod.project::<PodView>().ready_since();
        if ready_since.is_none() {
            return Vec::new();
        }
        let is_same = |old: &Object| old.uid() == pod.uid() && node_name(old) == node_name(pod);
        let is_news = |old: &Arc<Entry>| is_same(old) && old.project::<PodView>().ready_since() != ready_since;
        if delta.old.as_ref().is_some_and(is_news) {
            self.vouched.borrow_mut().entry(key.clone()).or_default().insert(pod.uid().to_owned());
        }
        if self.is_vouched_for(&key, pod.uid()) { Vec::new() } else { vec![key] }
    }

    fn is_vouched_for(&self, node: &ObjectKey, pod: &str) -> bool {
        self.vouched.borrow().get(node).is_some_and(|pods| pods.contains(pod))
    }
}

/// When a lease was renewed, as it stands in its JSON.
fn renewed(lease: &Object) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Lease {
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Spec {
        renew_time: Option<String>,
    }
    lease.parse::<Lease>().unwrap_or_default().spec.renew_time
}

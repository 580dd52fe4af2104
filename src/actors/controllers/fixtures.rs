//! Objects and worlds for tests, as their stories need them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Tools;
use super::pod::PodView;
use crate::actors::events::Recorder;
use crate::actors::informer::Informers;
use crate::api::client::{ClientRef, DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::verbs::{Api, LocalClient, Settings, User};
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{LocalStore, Revision, Store};
use crate::runtime::supervision::{Strategy, Supervisor, SupervisorSpec};

/// The time of every story.
pub fn noon() -> Timestamp {
    "2030-01-01T12:00:00Z".parse().unwrap()
}

/// A pending pod in `default`, without labels or owner.
pub fn pod(name: &str) -> PodBuilder {
    let metadata = json!({ "name": name, "namespace": "default", "uid": name, "creationTimestamp": noon() });
    PodBuilder(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": { "phase": "Pending" } }))
}

#[derive(Clone)]
pub struct PodBuilder(pub Value);

impl PodBuilder {
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = self.0.pointer_mut(parent).unwrap();
        parent[field.replace("~1", "/")] = value;
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["annotations"][key] = value.into();
        self
    }

    pub fn controlled_by(self, kind: &str, name: &str, uid: &str) -> Self {
        let owner = json!({ "apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": true });
        self.set("/metadata/ownerReferences", json!([owner]))
    }

    pub fn created(self, at: Timestamp) -> Self {
        self.set("/metadata/creationTimestamp", json!(at))
    }

    pub fn deleting(self) -> Self {
        self.set("/metadata/deletionTimestamp", json!(noon()))
    }

    pub fn node(self, name: &str) -> Self {
        self.set("/spec/nodeName", name.into())
    }

    pub fn phase(self, phase: &str) -> Self {
        self.set("/status/phase", phase.into())
    }

    pub fn ready_since(self, since: Timestamp) -> Self {
        self.set("/status/conditions", json!([{ "type": "Ready", "status": "True", "lastTransitionTime": since }]))
    }

    pub fn restarts(self, count: i32) -> Self {
        self.set("/status/containerStatuses", json!([{ "restartCount": count }]))
    }

    pub fn ip(self, ip: &str) -> Self {
        self.set("/status/podIP", ip.into()).set("/status/podIPs", json!([{ "ip": ip }]))
    }

    pub fn view(self) -> Arc<PodView> {
        Arc::new(PodView::from(&Object::from_value(self.0).unwrap()))
    }
}

/// A cluster without nodes: the real API over a memory store, on a paused clock that starts at noon.
pub struct World {
    pub supervisor: Supervisor,
    pub tools: Tools,
    pub events: Recorder,
    pub entropy: Entropy,
    pub client: ClientRef,
    store: Arc<LocalStore<Object>>,
}

/// Tells a story in a world that has the namespace `default`.
pub fn world<F: Future<Output = ()>>(story: impl FnOnce(World) -> F) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let _simulated = clock::simulate(noon());
        let entropy = Entropy::from_seed(1);
        let spec = SupervisorSpec::new(Strategy::OneForOne).entropy(entropy.split("supervision")).single_threaded();
        let supervisor = Supervisor::root(spec);
        let store = Arc::new(LocalStore::in_memory(&supervisor));
        let api = Api::new(store.clone(), entropy.split("api"), Settings::default());
        let client: ClientRef = Arc::new(LocalClient::new(api, User::default()));
        let informers = Informers::new(supervisor.clone(), client.clone(), &entropy);
        let events = Recorder::start(&supervisor, client.clone(), &entropy, "test", "");
        let tools = Tools { client: client.clone(), informers };
        let world = World { supervisor, tools, events, entropy, client, store };
        world.create("namespaces", "", json!({ "metadata": { "name": "default" } })).await;
        world.create("serviceaccounts", "default", json!({ "metadata": { "name": "default" } })).await;
        story(world).await;
    });
}

/// The kind of that plural, of the core group if several groups have it.
pub fn kind(plural: &str) -> &'static KindRef {
    Registry::built_in().all().find(|kind| kind.plural() == plural).unwrap()
}

impl World {
    pub async fn create(&self, plural: &str, namespace: &str, body: Value) -> Object {
        let kind = kind(plural);
        let mut body = body;
        body["apiVersion"] = kind.api_version().into();
        body["kind"] = kind.kind().into();
        self.client.create(kind, namespace, body, &WriteOptions::default()).await.unwrap()
    }

    /// Looks, after letting everybody act until nobody has anything left to do at once.
    pub async fn get(&self, plural: &str, namespace: &str, name: &str) -> Result<Value, Status> {
        self.pass(1).await;
        self.client.get(kind(plural), namespace, name).await.map(|object| object.value())
    }

    pub async fn list(&self, plural: &str, namespace: &str) -> Vec<Value> {
        self.pass(1).await;
        let list = self.client.list(kind(plural), namespace, &ListOptions::default()).await.unwrap();
        list.items.iter().map(Object::value).collect()
    }

    pub async fn merge(&self, plural: &str, namespace: &str, name: &str, subresource: &str, patch: Value) -> Object {
        let options = WriteOptions::default();
        self.client.patch(kind(plural), namespace, name, subresource, Patch::Merge(patch), &options).await.unwrap()
    }

    pub async fn delete(&self, plural: &str, namespace: &str, name: &str, options: DeleteOptions) -> Object {
        self.client.delete(kind(plural), namespace, name, &options).await.unwrap()
    }

    /// Seconds go by.
    pub async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// The newest revision: it stands still while nobody writes.
    pub fn revision(&self) -> Revision {
        self.store.snapshot().revision()
    }

    /// A pod that runs on a node and is ready.
    pub async fn running_pod(&self, name: &str, labels: Value, node: &str, ip: &str) {
        let spec = json!({ "nodeName": node, "containers": [{ "name": "c", "image": "i" }] });
        self.create("pods", "default", json!({ "metadata": { "name": name, "labels": labels }, "spec": spec })).await;
        self.ready(name, ip).await;
    }

    pub async fn ready(&self, name: &str, ip: &str) {
        let condition = json!({ "type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T12:00:00Z" });
        let status = json!({ "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }], "conditions": [condition] });
        self.merge("pods", "default", name, "status", json!({ "status": status })).await;
    }
}

/// An immediate deletion.
pub fn now() -> DeleteOptions {
    DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() }
}

//! An API over a memory store, on a paused clock.

use std::future::Future;
use std::sync::Arc;

use futures::StreamExt;
use kabuki::api::client::{DeleteOptions, ListOptions, WatchEvent, WatchStream, WriteOptions};
use kabuki::api::kinds::{KindRef, Registry};
use kabuki::api::object::Object;
use kabuki::api::status::Status;
use kabuki::api::tokens::Tokens;
use kabuki::api::verbs::{Api, Call, Deleted, Settings, Target, Updated, User};
use kabuki::runtime::entropy::Entropy;
use kabuki::runtime::store::{LocalStore, Revision, Store};
use kabuki::runtime::supervision::{Strategy, Supervisor};
use serde_json::{Value, json};

pub struct World {
    pub api: Api,
    pub store: Arc<LocalStore<Object>>,
    pub tokens: Arc<Tokens>,
}

/// Runs a test in a world with the namespace `default`.
pub fn world<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(async {
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let store = Arc::new(LocalStore::in_memory(&supervisor));
        let tokens = Arc::new(Tokens::ephemeral());
        let settings = Settings { tokens: Some(tokens.clone()), ..Settings::default() };
        let world = World { api: Api::new(store.clone(), Entropy::from_seed(1), settings), store, tokens };
        world.create("namespaces", "", json!({"metadata": {"name": "default"}})).await.unwrap();
        test(world).await;
    });
}

/// The kind of that plural.
pub fn kind(plural: &str) -> KindRef {
    Registry::built_in().all().find(|kind| kind.plural() == plural).unwrap().clone()
}

pub fn call() -> Call {
    Call::new(User::default(), WriteOptions::default())
}

pub fn configmap(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

impl World {
    pub fn store_revision(&self) -> Revision {
        self.store.snapshot().revision()
    }

    pub async fn create(&self, plural: &str, namespace: &str, body: Value) -> Result<Object, Status> {
        self.api.create(&call(), &kind(plural), namespace, body).await
    }

    pub async fn configmap(&self, name: &str) -> Object {
        self.create("configmaps", "default", configmap(name, json!({"a": "1"}))).await.unwrap()
    }

    /// A pod of the account `default`, which is made if it is not there.
    pub async fn pod(&self, name: &str, spec: Value) -> Object {
        if self.get("serviceaccounts", "default").await.is_err() {
            self.create("serviceaccounts", "default", json!({"metadata": {"name": "default"}})).await.unwrap();
        }
        let mut body = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        body["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.create("pods", "default", body).await.unwrap()
    }

    pub async fn update(&self, plural: &str, name: &str, body: Value) -> Result<Updated, Status> {
        self.api.update(&call(), &Target::new(&kind(plural), "default", name), body).await
    }

    pub async fn get(&self, plural: &str, name: &str) -> Result<Object, Status> {
        self.api.get(&kind(plural), "default", name).await
    }

    pub async fn delete(&self, plural: &str, name: &str, options: DeleteOptions) -> Result<Deleted, Status> {
        self.api.delete(&User::default(), &Target::new(&kind(plural), "default", name), &options).await
    }

    pub async fn delete_namespace(&self, name: &str) -> Result<Deleted, Status> {
        self.api.delete(&User::default(), &Target::new(&kind("namespaces"), "", name), &DeleteOptions::default()).await
    }

    pub async fn names(&self, plural: &str, options: ListOptions) -> Vec<String> {
        let list = self.api.list(&kind(plural), "default", &options).await.unwrap();
        list.items.iter().map(|object| object.name().to_owned()).collect()
    }

    pub async fn watch(&self, plural: &str, options: ListOptions) -> WatchStream {
        self.api.watch(&kind(plural), "default", &options).await.unwrap()
    }
}

/// The next events, as `ADDED name@revision`.
pub async fn next(stream: &mut WatchStream, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(match stream.next().await {
            None => "END".to_owned(),
            Some(Err(status)) => format!("ERROR {}", status.code),
            Some(Ok(WatchEvent::Added(object))) => format!("ADDED {}", object.name()),
            Some(Ok(WatchEvent::Modified(object))) => format!("MODIFIED {}", object.name()),
            Some(Ok(WatchEvent::Deleted(object))) => format!("DELETED {}", object.name()),
            Some(Ok(WatchEvent::Bookmark { initial_events_end, .. })) => format!("BOOKMARK {initial_events_end}"),
        });
    }
    seen
}

//! The one trait that actors speak. No actor can tell whether it holds the API in process, over HTTPS or with faults in between.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use k8s_openapi::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use super::kinds::{KindRef, Registry};
use super::object::Object;
use super::status::Status;
use super::validation::{ErrorList, FieldErrorKind};
use crate::runtime::store::Revision;

/// What of a collection is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListOptions {
    pub label_selector: String,
    pub field_selector: String,
    /// 0: no limit.
    pub limit: u64,
    pub continue_token: String,
    /// As on the wire: empty for the newest.
    pub resource_version: String,
    pub resource_version_match: String,
    /// Watch only: end after this many seconds.
    pub timeout_seconds: Option<u64>,
    pub allow_watch_bookmarks: bool,
    pub send_initial_events: Option<bool>,
}

/// A list: one moment.
#[derive(Clone, Debug)]
pub struct List {
    /// 0 for what is not stored.
    pub revision: Revision,
    pub items: Vec<Object>,
    pub continue_token: String,
    pub remaining: Option<u64>,
}

/// What a watch brings.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    Added(Object),
    Modified(Object),
    Deleted(Object),
    /// All changes up to this revision have been sent; `initial_events_end` marks the end of a streamed list.
    Bookmark {
        revision: Revision,
        initial_events_end: bool,
    },
}

/// Ends after the first error.
pub type WatchStream = BoxStream<'static, Result<WatchEvent, Status>>;

/// How a write is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WriteOptions {
    pub dry_run: bool,
    pub field_manager: String,
    pub field_validation: FieldValidation,
    /// Server-side apply only: take over fields that others manage.
    pub force: bool,
}

/// What happens to unknown and duplicate fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// How a deletion is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteOptions {
    pub dry_run: bool,
    pub grace_period_seconds: Option<i64>,
    pub propagation: Option<Propagation>,
    pub orphan_dependents: Option<bool>,
    /// Preconditions.
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

/// What happens to an object's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    Orphan,
    Background,
    Foreground,
}

impl Propagation {
    /// As `propagationPolicy` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orphan => "Orphan",
            Self::Background => "Background",
            Self::Foreground => "Foreground",
        }
    }

    /// # Errors
    /// `Invalid`: there is no such policy.
    pub fn parse(text: &str) -> Result<Self, Status> {
        [Self::Orphan, Self::Background, Self::Foreground].into_iter().find(|policy| policy.name() == text).ok_or_else(|| {
            let mut errors = ErrorList::default();
            let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
            errors.push(FieldErrorKind::NotSupported, "propagationPolicy", format!("Unsupported value: \"{text}\": {supported}"));
            Status::invalid_options("DeleteOptions", &errors)
        })
    }
}

/// A change to an object, by the content type it comes with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    /// Server-side apply.
    Apply(Value),
}

/// The API as actors see it. `namespace` is empty for cluster-scoped kinds and, in lists and watches, for all namespaces;
/// `subresource` is empty for the object itself.
pub trait Client: Send + Sync + 'static {
    fn get<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Object, Status>>;

    fn list<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<List, Status>>;

    fn watch<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<WatchStream, Status>>;

    fn create<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>>;

    /// Posts to an object's subresource (`binding`, `eviction`, `token`); answers what the server answers.
    fn create_subresource<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Value, Status>>;

    fn update<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>>;

    fn patch<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        patch: Patch,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>>;

    /// The object as it stands afterwards: gone (its last state), or waiting for its grace or finalizers.
    fn delete<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        options: &'a DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>>;
}

/// A shared client.
pub type ClientRef = Arc<dyn Client>;

/// The typed face of a [`Client`]: `client.typed::<Pod>().get("default", "web-1")`.
pub struct Typed<'a, K> {
    client: &'a dyn Client,
    kind: &'static KindRef,
    marker: std::marker::PhantomData<fn() -> K>,
}

impl dyn Client {
    pub fn typed<K: Resource>(&self) -> Typed<'_, K> {
        Typed { client: self, kind: Registry::built_in().of::<K>(), marker: std::marker::PhantomData }
    }
}

impl<K: Resource + Serialize + DeserializeOwned> Typed<'_, K> {
    pub async fn get(&self, namespace: &str, name: &str) -> Result<K, Status> {
        decode(&self.client.get(self.kind, namespace, name).await?)
    }

    pub async fn list(&self, namespace: &str, options: &ListOptions) -> Result<Vec<K>, Status> {
        self.client.list(self.kind, namespace, options).await?.items.iter().map(decode).collect()
    }

    pub async fn create(&self, namespace: &str, object: &K) -> Result<K, Status> {
        decode(&self.client.create(self.kind, namespace, encode(object)?, &WriteOptions::default()).await?)
    }

    /// `subresource` is empty for the object itself.
    pub async fn update(&self, namespace: &str, name: &str, subresource: &str, object: &K) -> Result<K, Status> {
        decode(&self.client.update(self.kind, namespace, name, subresource, encode(object)?, &WriteOptions::default()).await?)
    }

    pub async fn patch(&self, namespace: &str, name: &str, subresource: &str, patch: Patch) -> Result<K, Status> {
        decode(&self.client.patch(self.kind, namespace, name, subresource, patch, &WriteOptions::default()).await?)
    }

    pub async fn delete(&self, namespace: &str, name: &str, options: &DeleteOptions) -> Result<K, Status> {
        decode(&self.client.delete(self.kind, namespace, name, options).await?)
    }
}

fn decode<K: DeserializeOwned>(object: &Object) -> Result<K, Status> {
    object.parse().map_err(Status::internal)
}

fn encode<K: Serialize>(object: &K) -> Result<Value, Status> {
    serde_json::to_value(object).map_err(Status::internal)
}

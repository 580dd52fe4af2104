//! The verbs: what may be done to objects, once for every kind.
//!
//! A write goes: defaults, mutating admission, what only the server decides on (metadata, status, generation), validation, validating
//! admission, commit. Changes are made to the JSON, judgments on typed structs.
//!
//! Architecture invariant: nothing else commits objects to the store.

mod addresses;
mod admit;
mod binding;
mod call;
mod continue_token;
mod create;
mod delete;
mod delete_collection;
mod eviction;
mod found;
mod get;
mod list;
mod local_client;
mod metadata;
mod mutation;
mod patch;
mod restore;
mod scale;
mod selection;
mod subresource;
mod target;
mod token;
mod tracking;
mod update;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

pub use addresses::ServiceRanges;
pub use call::{AUTHENTICATED, Call, MASTERS, NODES, User, account_groups};
pub use delete::Deleted;
pub use list::parse_revision;
pub use local_client::LocalClient;
pub use metadata::settle_namespace;
pub use mutation::{Change, Mutation};
pub use restore::adopted;
pub use target::Target;
pub use update::Updated;

use super::admission::extension::{Caller, Catalog};
use super::authorization::Authorizer;
use super::custom::Definitions;
use super::kinds::{Kind, KindRef, Registry};
use super::object::Object;
use super::status::{Reason, Status};
use super::tokens::Tokens;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{CommitError, Committed, Key, Snapshot, Store, Stored, Write};

/// The API in process. Clones share everything.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store<Object>>,
    definitions: Definitions,
    entropy: Mutex<Entropy>,
    settings: Settings,
    authorizer: Authorizer,
    catalog: Catalog,
}

/// What an [`Api`] is set up with.
#[derive(Clone, Default)]
pub struct Settings {
    pub ranges: ServiceRanges,
    /// Signs the tokens of service accounts; without it none are given.
    pub tokens: Option<Arc<Tokens>>,
    /// What is given before chance is asked.
    pub identities: Option<Arc<dyn Identities>>,
    /// How webhooks are reached; without it none is.
    pub webhooks: Option<Arc<dyn Caller>>,
}

/// The names and UIDs that objects have been given before: those of a run that is lived through again.
pub trait Identities: Send + Sync + 'static {
    /// The name of the next object in that collection and namespace with that `generateName`.
    fn name(&self, collection: &str, namespace: &str, prefix: &str) -> Option<String>;

    /// The UID of the next object at that key.
    fn uid(&self, key: &Key) -> Option<String>;
}

/// How often a consistent read looks whether a store that is fed from elsewhere has come far enough.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(1);

/// How often a write that lost a race against another is tried again, where its meaning allows that.
const ATTEMPTS: usize = 64;

impl Api {
    pub fn new(store: Arc<dyn Store<Object>>, entropy: Entropy, settings: Settings) -> Self {
        let (entropy, authorizer) = (Mutex::new(entropy), Authorizer::new(store.clone()));
        let (definitions, catalog) = (Definitions::default(), Catalog::default());
        Self(Arc::new(Inner { store, definitions, entropy, settings, authorizer, catalog }))
    }

    pub fn store(&self) -> &Arc<dyn Store<Object>> {
        &self.0.store
    }

    pub fn ranges(&self) -> &ServiceRanges {
        &self.0.settings.ranges
    }

    /// Judges who may do what, by the newest roles.
    pub fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }

    /// The kinds that are served now.
    pub fn registry(&self) -> Arc<Registry> {
        self.0.definitions.registry(&*self.0.store)
    }

    /// The state as of now, no older than any write that was acknowledged to anyone.
    async fn fresh(&self) -> Result<Snapshot<Object>, Status> {
        let at_least = self.0.store.fresh().await.map_err(unavailable)?;
        loop {
            let snapshot = self.0.store.snapshot();
            if snapshot.revision() >= at_least {
                return Ok(snapshot);
            }
            tokio::time::sleep(CATCH_UP_INTERVAL).await;
        }
    }

    fn uid(&self) -> String {
        self.0.entropy.lock().uuid().to_string()
    }

    fn suffix(&self) -> String {
        self.0.entropy.lock().suffix(5)
    }

    /// Gives an object the addresses that its kind has; answers the writes that make them its own.
    fn allocate(
        &self,
        kind: &Kind,
        snapshot: &Snapshot<Object>,
        old: Option<&Value>,
        object: &mut Value,
    ) -> Result<Vec<Write<Object>>, Status> {
        if !kind.traits.addresses {
            return Ok(Vec::new());
        }
        addresses::assign(&self.0.settings.ranges, snapshot, &mut self.0.entropy.lock(), old, object)
    }

    /// Commits; a lost race is `Ok(Err(index of the write))`.
    async fn commit(&self, writes: Vec<Write<Object>>) -> Result<Result<Committed<Object>, usize>, Status> {
        match self.0.store.commit(writes).await {
            Ok(committed) => Ok(Ok(committed)),
            Err(CommitError::Conflict { index, .. }) => Ok(Err(index)),
            Err(CommitError::Unavailable(why)) => Err(unavailable(why)),
            Err(error @ CommitError::Unknown) => Err(Status::new(504, Reason::Timeout, format!("Timeout: {error}"))),
        }
    }
}

fn unavailable(why: String) -> Status {
    Status::new(503, Reason::ServiceUnavailable, format!("the store cannot be used: {why}"))
}

/// The object as clients of this version of its kind see it.
fn shown(kind: &Kind, object: &Object) -> Object {
    match &kind.view {
        None => object.clone(),
        Some(_) if kind.custom.as_ref().is_some_and(|custom| custom.shows(object)) => object.clone(),
        Some(view) => {
            let mut value = object.value();
            (view.from_stored)(&mut value);
            Object::from_value(value).expect("a view only moves fields of a stored object").at(object.revision())
        }
    }
}

/// The object to be stored.
fn sealed(kind: &Kind, mut value: Value) -> Result<Object, Status> {
    if let Some(view) = &kind.view {
        (view.to_stored)(&mut value);
    }
    Object::from_value(value).map_err(Status::internal)
}

/// Where an object of a kind stands in the store. `namespace` is empty for cluster-scoped kinds.
pub fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let path = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
    Key::new(kind.collection.clone(), path)
}

fn not_found(kind: &KindRef, name: &str) -> Status {
    Status::not_found(kind.group(), kind.plural(), name)
}

/// Somebody else changed the object in between.
fn modified(kind: &KindRef, name: &str) -> Status {
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    Status::conflict(kind.group(), kind.plural(), name, why)
}

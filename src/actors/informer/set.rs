//! The informers of a process: one a kind, shared by all who ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::Resource;
use parking_lot::Mutex;

use super::index::{ADDRESS, CLAIM, CLASS, Index, LABEL, NODE, ORPHAN, OWNER, SELECTOR};
use super::{Informer, InformerHandle, Selection};
use crate::api::client::ClientRef;
use crate::api::kinds::{KindRef, Registry};
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::Supervisor;

/// Starts an informer when its kind is first asked for. Clones share the set.
#[derive(Clone)]
pub struct Informers(Arc<Inner>);

struct Inner {
    supervisor: Supervisor,
    client: ClientRef,
    entropy: Entropy,
    /// By collection: the versions of a kind are the same objects.
    handles: Mutex<BTreeMap<Arc<str>, InformerHandle>>,
}

impl Informers {
    /// The set's informers become children of `supervisor`.
    pub fn new(supervisor: Supervisor, client: ClientRef, entropy: &Entropy) -> Self {
        Self(Arc::new(Inner { supervisor, client, entropy: entropy.split("informers"), handles: Mutex::default() }))
    }

    /// The informer on all objects of a kind.
    pub fn of(&self, kind: &KindRef) -> InformerHandle {
        let Inner { supervisor, client, entropy, handles } = &*self.0;
        let start = || Informer::start(supervisor, client.clone(), kind, Selection::default(), indexes(kind), entropy);
        handles.lock().entry(kind.collection.clone()).or_insert_with(start).clone()
    }

    /// Ends the informer on a kind that is no more.
    pub async fn forget(&self, kind: &KindRef) {
        if self.0.handles.lock().remove(&kind.collection).is_some() {
            self.0.supervisor.stop_child(&super::name(kind)).await;
        }
    }

    /// The informer on all objects of a built-in kind.
    pub fn typed<K: Resource>(&self) -> InformerHandle {
        self.of(Registry::built_in().of::<K>())
    }
}

/// Every kind can be found by owner. Pods are many and looked for by what selects them; so are the slices of a service. Names are
/// found by addresses, volumes by what is asked of them.
fn indexes(kind: &KindRef) -> &'static [Index] {
    match (kind.group(), kind.plural()) {
        ("", "pods") => &[OWNER, LABEL, NODE, ORPHAN],
        ("discovery.k8s.io", "endpointslices") => &[OWNER, LABEL, ADDRESS],
        ("", "persistentvolumes") => &[OWNER, CLASS, CLAIM],
        ("", "persistentvolumeclaims") => &[OWNER, CLASS],
        ("", "services") => &[OWNER, ADDRESS, SELECTOR],
        _ => &[OWNER],
    }
}

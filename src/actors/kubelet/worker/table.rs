use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Desk;
use crate::actors::informer::ObjectKey;
use crate::actors::kubelet::admission::Demand;
use crate::api::object::Object;

/// The pod workers of a node, by the uids of their pods. It outlives the kubelet's restarts, as the workers do.
#[derive(Clone, Default)]
pub struct Workers(Arc<Mutex<BTreeMap<String, Entry>>>);

struct Entry {
    desk: Arc<Desk>,
    demand: Demand,
}

impl Workers {
    pub fn get(&self, uid: &str) -> Option<Arc<Desk>> {
        self.0.lock().get(uid).map(|entry| entry.desk.clone())
    }

    pub fn insert(&self, desk: Arc<Desk>, demand: Demand) {
        self.0.lock().insert(desk.uid().to_owned(), Entry { desk, demand });
    }

    pub fn remove(&self, uid: &str) {
        self.0.lock().remove(uid);
    }

    /// All desks, by uid.
    pub fn desks(&self) -> Vec<Arc<Desk>> {
        self.0.lock().values().map(|entry| entry.desk.clone()).collect()
    }

    /// Those whose pod has, or had, that name.
    pub fn named(&self, key: &ObjectKey) -> Vec<Arc<Desk>> {
        let is_named = |pod: &Object| pod.name() == &*key.name && pod.namespace() == &*key.namespace;
        self.desks().into_iter().filter(|desk| is_named(&desk.pod().0)).collect()
    }

    /// What the pods that have not ended take of the node.
    pub fn demands(&self) -> Vec<Demand> {
        self.0.lock().values().filter(|entry| !entry.desk.is_over()).map(|entry| entry.demand.clone()).collect()
    }
}

//! The verbs: what may be done to objects, once for every kind.

use std::sync::Arc;

use super::object::Object;
use crate::runtime::store::Store;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: std::collections::BTreeMap<String, Vec<String>>,
}

/// The API in process.
#[derive(Clone)]
pub struct Api {
    store: Arc<dyn Store<Object>>,
}

impl Api {
    pub fn new(store: Arc<dyn Store<Object>>) -> Self {
        Self { store }
    }

    pub fn store(&self) -> &Arc<dyn Store<Object>> {
        &self.store
    }
}

//! All policies and webhooks, compiled.

use std::sync::Arc;

use super::policy::Policies;
use super::webhook::Webhooks;
use crate::api::derived::Derived;
use crate::api::object::Object;
use crate::runtime::store::{Snapshot, Store};

pub const POLICIES: &str = "validatingadmissionpolicies";
pub const BINDINGS: &str = "validatingadmissionpolicybindings";
const MUTATING: &str = "mutatingwebhookconfigurations";
const VALIDATING: &str = "validatingwebhookconfigurations";

/// Those who are asked about writes; `None` where there are none.
pub struct Declared {
    pub policies: Option<Policies>,
    pub mutating: Option<Webhooks>,
    pub validating: Option<Webhooks>,
}

/// What is compiled of them: a policy that was acknowledged acts on what comes after it.
pub struct Catalog(Derived<Declared>);

impl Default for Catalog {
    fn default() -> Self {
        Self(Derived::of(&[POLICIES, BINDINGS, MUTATING, VALIDATING]))
    }
}

impl Catalog {
    pub fn declared(&self, store: &dyn Store<Object>) -> Arc<Declared> {
        self.0.get(store, |snapshot, _| Declared::compile(snapshot))
    }
}

impl Declared {
    fn compile(snapshot: &Snapshot<Object>) -> Self {
        let has = |collection: &str| snapshot.range(collection, "", None).next().is_some();
        let webhooks = |collection: &str| has(collection).then(|| Webhooks::compile(snapshot, collection));
        Self {
            policies: (has(POLICIES) || has(BINDINGS)).then(|| Policies::compile(snapshot)),
            mutating: webhooks(MUTATING),
            validating: webhooks(VALIDATING),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_none() && self.mutating.is_none() && self.validating.is_none()
    }
}

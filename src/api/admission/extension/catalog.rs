//! All policies and webhooks, compiled, as of one state of the objects that declare them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::policy::Policies;
use super::webhook::Webhooks;
use crate::api::object::Object;
use crate::runtime::store::{Revision, Snapshot, Stored};

pub const POLICIES: &str = "validatingadmissionpolicies";
pub const BINDINGS: &str = "validatingadmissionpolicybindings";
pub const MUTATING: &str = "mutatingwebhookconfigurations";
pub const VALIDATING: &str = "validatingwebhookconfigurations";

/// Tells two states of collections apart: how many objects there are in each, and which is the newest.
type Sign = [(usize, Revision); 2];

fn sign(snapshot: &Snapshot<Object>, collections: [&str; 2]) -> Sign {
    collections.map(|collection| {
        let objects = snapshot.range(collection, "", None).map(|(_, object)| object.revision());
        objects.fold((0, Revision(0)), |(count, newest), revision| (count + 1, newest.max(revision)))
    })
}

fn is_empty(sign: &Sign) -> bool {
    sign.iter().all(|(count, _)| *count == 0)
}

/// Whoever asks gets what is compiled for the objects of their snapshot, so a policy that was acknowledged acts on what comes after it.
#[derive(Default)]
pub struct Catalog {
    policies: ArcSwap<(Sign, Option<Arc<Policies>>)>,
    mutating: ArcSwap<(Sign, Option<Arc<Webhooks>>)>,
    validating: ArcSwap<(Sign, Option<Arc<Webhooks>>)>,
}

impl Catalog {
    /// The policies that are bound; `None` if there are none.
    pub fn policies(&self, snapshot: &Snapshot<Object>) -> Option<Arc<Policies>> {
        current(&self.policies, snapshot, [POLICIES, BINDINGS], || Policies::compile(snapshot))
    }

    pub fn mutating(&self, snapshot: &Snapshot<Object>) -> Option<Arc<Webhooks>> {
        current(&self.mutating, snapshot, [MUTATING, MUTATING], || Webhooks::compile(snapshot, MUTATING))
    }

    pub fn validating(&self, snapshot: &Snapshot<Object>) -> Option<Arc<Webhooks>> {
        current(&self.validating, snapshot, [VALIDATING, VALIDATING], || Webhooks::compile(snapshot, VALIDATING))
    }
}

fn current<T>(
    kept: &ArcSwap<(Sign, Option<Arc<T>>)>,
    snapshot: &Snapshot<Object>,
    collections: [&str; 2],
    compile: impl FnOnce() -> T,
) -> Option<Arc<T>> {
    let sign = sign(snapshot, collections);
    if is_empty(&sign) {
        return None;
    }
    let known = kept.load();
    if known.0 == sign {
        return known.1.clone();
    }
    let compiled = Some(Arc::new(compile()));
    kept.store(Arc::new((sign, compiled.clone())));
    compiled
}

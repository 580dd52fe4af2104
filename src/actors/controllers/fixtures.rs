//! Objects for tests, as their stories need them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::pod::PodView;
use crate::api::object::Object;

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

    pub fn view(self) -> Arc<PodView> {
        Arc::new(PodView::from(&Object::from_value(self.0).unwrap()))
    }
}

//! What is filled in where a request leaves it out. On the JSON, which can tell absent from empty.
//!
//! Upstream: the `SetDefaults_*` functions of each API version. A field that the server always shows, though it is empty, is the schema's
//! business, not a default.

use serde_json::{Map, Value};

use crate::api::kinds::fields::Fields;

mod admission_registration;
mod apps;
mod autoscaling;
mod batch;
mod cluster;
mod config;
mod container;
mod device;
mod extension;
mod flow_control;
mod networking;
mod pod;
mod rbac;
mod service;
mod storage;
mod volume;

pub use admission_registration::{
    mutating_webhook_configuration, validating_admission_policy, validating_admission_policy_binding, validating_webhook_configuration,
};
pub use apps::{daemon_set, deployment, replica_set, stateful_set};
pub use autoscaling::{horizontal_pod_autoscaler, horizontal_pod_autoscaler_v1};
pub use batch::{cron_job, job};
pub use cluster::{endpoint_slice, limit_range, namespace, node, priority_class};
pub use config::secret;
pub use device::{resource_claim, resource_claim_template};
pub use extension::{api_service, custom_resource_definition};
pub use flow_control::{flow_schema, priority_level_configuration};
pub use networking::{ingress_class, network_policy};
pub use pod::{pod, pod_template, replication_controller};
pub use rbac::role_binding;
pub use service::{endpoints, service};
pub use storage::{csi_driver, persistent_volume, persistent_volume_claim, storage_class, volume_attachment};

/// Access to parts of an object that is being completed. A part of the wrong type is left alone: decoding reports it.
pub(super) trait Complete {
    /// Sets a field that is absent or null.
    fn absent(&mut self, field: &str, value: impl Into<Value>);
    /// Sets a field that is absent, null or of Go's zero value (`""` or 0).
    fn empty(&mut self, field: &str, value: impl Into<Value>);
    /// The object under some fields, made if it is absent: a struct that Go always has.
    fn always(&mut self, fields: &[&str]) -> Option<&mut Value>;
    /// The object at a pointer, if there is one.
    fn part(&mut self, pointer: &str) -> Option<&mut Value>;
    /// The object in a field, made if it is absent.
    fn made(&mut self, field: &str) -> Option<&mut Map<String, Value>>;
    /// The items of the list at a pointer.
    fn each(&mut self, pointer: &str) -> impl Iterator<Item = &mut Value>;
}

impl Complete for Value {
    fn absent(&mut self, field: &str, value: impl Into<Value>) {
        if let Some(object) = self.as_object_mut()
            && object.get(field).is_none_or(Value::is_null)
        {
            object.insert(field.to_owned(), value.into());
        }
    }

    fn empty(&mut self, field: &str, value: impl Into<Value>) {
        if let Some(object) = self.as_object_mut()
            && object.get(field).is_none_or(is_zero)
        {
            object.insert(field.to_owned(), value.into());
        }
    }

    fn always(&mut self, fields: &[&str]) -> Option<&mut Value> {
        let mut part = self;
        for field in fields {
            part.absent(field, Map::new());
            part = part.get_mut(*field)?;
        }
        part.is_object().then_some(part)
    }

    fn part(&mut self, pointer: &str) -> Option<&mut Value> {
        self.at_mut(pointer).filter(|part| part.is_object())
    }

    fn made(&mut self, field: &str) -> Option<&mut Map<String, Value>> {
        self.absent(field, Map::new());
        self.get_mut(field)?.as_object_mut()
    }

    fn each(&mut self, pointer: &str) -> impl Iterator<Item = &mut Value> {
        self.at_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
    }
}

fn is_zero(value: &Value) -> bool {
    value.is_null() || value == "" || value == 0
}

/// Copies the entries of a map that another one lacks.
fn fill(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        if !into.contains_key(key) {
            into.insert(key.clone(), value.clone());
        }
    }
}

/// The non-empty map at a pointer.
fn map_at(object: &Value, pointer: &str) -> Option<Map<String, Value>> {
    object.at(pointer).and_then(Value::as_object).filter(|map| !map.is_empty()).cloned()
}

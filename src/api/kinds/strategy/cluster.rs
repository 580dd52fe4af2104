//! Namespaces, endpoint slices and leases.

use serde_json::Value;

use super::{put, restore};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

/// Held until its contents are gone.
const FINALIZER: &str = "kubernetes";

pub fn namespace(namespace: &mut Value) {
    put(namespace, "status", "phase", "Active");
    let mut finalizers = namespace.list("/spec/finalizers").to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    put(namespace, "spec", "finalizers", finalizers);
}

/// Finalizers are let go of by their own subresource only.
pub fn namespace_update(namespace: &mut Value, old: &Value, subresource: Option<Subresource>) {
    match subresource {
        None => restore(namespace, old, "spec"),
        Some(Subresource::Finalize) => restore(namespace, old, "status"),
        _ => {}
    }
}

/// A slice's labels say whose it is: a change of them counts as a change of the slice.
pub fn endpoint_slice_update(slice: &mut Value, old: &Value, _subresource: Option<Subresource>) {
    if slice.at("/metadata/labels") != old.at("/metadata/labels") {
        put(slice, "metadata", "generation", old.integer("/metadata/generation") + 1);
    }
}

/// Coordinated leader election (KEP-4355) is not on by default.
const COORDINATED: [&str; 2] = ["preferredHolder", "strategy"];

pub fn lease(lease: &mut Value) {
    if let Some(spec) = lease.get_mut("spec").and_then(Value::as_object_mut) {
        COORDINATED.iter().for_each(|field| drop(spec.remove(*field)));
    }
}

pub fn lease_update(lease: &mut Value, _old: &Value, _subresource: Option<Subresource>) {
    self::lease(lease);
}

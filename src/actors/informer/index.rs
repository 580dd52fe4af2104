//! Ways to find objects of a view without looking at all of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;

use super::ObjectKey;
use crate::api::kinds::Registry;
use crate::api::object::Object;

/// A way to find objects: an object is found under each of the values that `values` gives for it.
#[derive(Clone, Copy)]
pub struct Index {
    pub name: &'static str,
    pub values: fn(&Object) -> Vec<String>,
}

/// By the uid of each owner.
pub const OWNER: Index = Index { name: "owner", values: |object| object.meta().owner_references.iter().map(|o| o.uid.clone()).collect() };

/// By each label, within the namespace.
pub const LABEL: Index =
    Index { name: "label", values: |object| object.labels().iter().map(|(key, value)| label(object.namespace(), key, value)).collect() };

/// Those that no controller manages, by namespace.
pub const ORPHAN: Index = Index {
    name: "orphan",
    values: |object| if object.meta().controller().is_none() { vec![object.namespace().to_owned()] } else { Vec::new() },
};

/// By `spec.nodeName`: the empty text finds what is not bound yet.
pub const NODE: Index = Index { name: "node", values: |object| vec![node_name(object).to_owned()] };

/// Persistent volumes, and claims of them, by the class of storage.
pub const CLASS: Index = Index { name: "class", values: |object| vec![storage_class(object)] };

/// A persistent volume by the claim that it is kept for, as keys are written.
pub const CLAIM: Index = Index { name: "claim", values: claim };

/// A service by its cluster IPs, a slice by its endpoints' addresses.
pub const ADDRESS: Index = Index { name: "address", values: addresses };

fn addresses(object: &Object) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Addressed {
        spec: Spec,
        endpoints: Vec<Endpoint>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Spec {
        #[serde(rename = "clusterIPs")]
        cluster_ips: Vec<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Endpoint {
        addresses: Vec<String>,
    }
    let Addressed { spec, endpoints } = object.parse().unwrap_or_default();
    spec.cluster_ips.into_iter().chain(endpoints.into_iter().flat_map(|endpoint| endpoint.addresses)).collect()
}

/// A service by one of the labels that it selects pods by.
pub const SELECTOR: Index = Index { name: "selector", values: selector };

fn selector(service: &Object) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Service {
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Spec {
        selector: BTreeMap<String, String>,
    }
    let first = service.parse::<Service>().unwrap_or_default().spec.selector.pop_first();
    first.map(|(key, value)| label(service.namespace(), &key, &value)).into_iter().collect()
}

/// The class of a claim or volume; empty for none. The annotation is from before there was a field for it, and goes first.
pub fn storage_class(object: &Object) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Classed {
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Spec {
        storage_class_name: Option<String>,
    }
    let old = object.meta().annotations.get("volume.beta.kubernetes.io/storage-class");
    old.cloned().unwrap_or_else(|| object.parse::<Classed>().unwrap_or_default().spec.storage_class_name.unwrap_or_default())
}

fn claim(object: &Object) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Volume {
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Spec {
        claim_ref: Option<Reference>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Reference {
        namespace: String,
        name: String,
    }
    let reference = object.parse::<Volume>().unwrap_or_default().spec.claim_ref;
    reference.map(|Reference { namespace, name }| ObjectKey::new(namespace, name).to_string()).into_iter().collect()
}

/// The value under which [`LABEL`] keeps a label. No namespace has a slash in it, so two can never be the same.
pub(super) fn label(namespace: &str, key: &str, value: &str) -> String {
    format!("{namespace}/{key}={value}")
}

/// The node that a pod is bound to; empty if to none. The pod remembers the answer.
pub fn node_name(pod: &Object) -> &str {
    Registry::built_in().of::<Pod>().field(pod, "spec.nodeName").unwrap_or_default()
}

/// The phase of a pod; empty if it has none. The pod remembers the answer.
pub fn phase(pod: &Object) -> &str {
    Registry::built_in().of::<Pod>().field(pod, "status.phase").unwrap_or_default()
}

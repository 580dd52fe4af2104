//! What the scheduler knows of a node, and of what runs or will run there.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;

use super::pod::{HostPort, PodInfo};
use super::resources::Resources;
use crate::actors::informer::ObjectKey;
use crate::api::object::Object;

/// A node and the sum of its pods. Kept up to date, never rebuilt.
///
/// What is looked at for every pod stands first and together: to judge a node costs mostly the lines of memory that are fetched for it.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct NodeInfo {
    /// False for one that pods name but that is not (or no longer) there.
    pub known: bool,
    pub unschedulable: bool,
    pub name: Arc<str>,
    pub taints: Vec<v1::Taint>,
    pub requested: Resources,
    pub allocatable: Resources,
    /// The sum of [`PodInfo::weight`].
    pub weight: (i64, i64),
    /// Where it stands in the column of nodes.
    pub place: usize,
    /// Image name to size in bytes.
    pub images: BTreeMap<String, i64>,
    pub labels: BTreeMap<String, String>,
    pub ports: Vec<HostPort>,
    pub pods: BTreeMap<ObjectKey, Arc<PodInfo>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    taints: Vec<v1::Taint>,
    unschedulable: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    capacity: BTreeMap<String, Quantity>,
    allocatable: BTreeMap<String, Quantity>,
    images: Vec<v1::ContainerImage>,
}

impl NodeInfo {
    pub fn named(name: &str, place: usize) -> Self {
        Self { place, name: name.into(), ..Self::default() }
    }

    /// Takes over what the node's object says; its pods stay.
    pub fn update(&mut self, object: &Object) {
        let Node { spec, status } = object.parse().unwrap_or_default();
        self.known = true;
        self.labels = object.labels().clone();
        self.taints = spec.taints;
        self.unschedulable = spec.unschedulable;
        self.allocatable = Resources::from_quantities(if status.allocatable.is_empty() { &status.capacity } else { &status.allocatable });
        self.images.clear();
        for image in status.images {
            let size = image.size_bytes.unwrap_or(0);
            self.images.extend(image.names.unwrap_or_default().into_iter().map(|name| (name, size)));
        }
    }

    pub fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested += &pod.requests;
        self.weight = (self.weight.0 + pod.weight.0, self.weight.1 + pod.weight.1);
        self.ports.extend_from_slice(&pod.ports);
        self.pods.insert(pod.key.clone(), pod);
    }

    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        let pod = self.pods.remove(key)?;
        self.requested -= &pod.requests;
        self.weight = (self.weight.0 - pod.weight.0, self.weight.1 - pod.weight.1);
        for port in &pod.ports {
            if let Some(place) = self.ports.iter().position(|taken| taken == port) {
                self.ports.swap_remove(place);
            }
        }
        Some(pod)
    }

    /// The pod's node selector and required node affinity hold.
    pub fn is_chosen_by(&self, pod: &PodInfo) -> bool {
        pod.node_selector.iter().all(|(key, value)| self.labels.get(key) == Some(value))
            && pod.node_required.as_ref().is_none_or(|terms| terms.match_node(self))
    }
}

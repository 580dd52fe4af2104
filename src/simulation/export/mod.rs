//! What another cluster had at a moment: its nodes and objects, as its API tells them, made into what a simulated one begins with.
//!
//! UIDs and times of creation stay, so that owners and their dependents find each other. Nodes become machines of the same names and sizes.
//! Pods keep the nodes that they are bound to, and what their statuses said is made anew by those nodes' kubelets. What the control plane
//! makes by itself is left out, and so is what is over or being deleted.

mod missing;
mod reading;
mod stand_in;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::landing::Spot;
use super::machines::{Hardware, ZONE};
use super::scenario::ScenarioError;
use crate::actors::kubelet::Resources;
use crate::api::kinds::{Kind, KindRef, Registry};
use crate::api::quantity::Quantity;
use crate::api::status::Status;
use crate::api::verbs::Api;

/// The label of failure domains before Kubernetes 1.17.
const OLD_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// What another cluster had. Clones share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export(Arc<Moment>);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    /// The newest time that anything in it knows of.
    at: Option<Timestamp>,
    /// Each as the simulated cluster keeps it.
    objects: Vec<Value>,
}

impl Serialize for Export {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Export {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Moment::deserialize(deserializer).map(|moment| Self(Arc::new(moment)))
    }
}

/// The groups whose objects somebody acts on here.
const ACTED_ON: [&str; 5] = ["", "discovery.k8s.io", "node.k8s.io", "scheduling.k8s.io", "storage.k8s.io"];

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn kind_of(object: &Value) -> Option<&'static KindRef> {
    Registry::built_in().kind(text(object, "/apiVersion"), text(object, "/kind"))
}

/// As people write it: `Pod shop/web-1`.
fn name_of(object: &Value) -> String {
    let (kind, namespace, name) = (text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

impl Export {
    /// Makes it of the objects that a cluster's API lists, in any order. With it come remarks for people: what is not as it was there.
    /// Values of secrets are kept only if that is asked for.
    ///
    /// # Errors
    /// There are no nodes, or a node or a pod is none.
    pub fn of(objects: Vec<Value>, with_secrets: bool) -> Result<(Self, Vec<String>), ScenarioError> {
        let at = objects.iter().filter_map(newest).max();
        let (objects, remarks) = reading::read(objects, with_secrets).map_err(ScenarioError::Impossible)?;
        Ok((Self(Arc::new(Moment { at, objects })), remarks))
    }

    /// Whether something acts on objects of a kind here. Others are left out.
    pub fn takes(kind: &Kind) -> bool {
        ACTED_ON.contains(&kind.group())
    }

    /// Whether replication controllers play the objects of a kind.
    pub fn plays(kind: &Kind) -> bool {
        stand_in::plays(&kind.api_version(), kind.kind())
    }

    pub fn is_empty(&self) -> bool {
        self.0.objects.is_empty()
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.objects.iter().filter(move |object| text(object, "/kind") == kind && text(object, "/apiVersion") == "v1")
    }

    /// A machine for each node.
    pub fn machines(&self) -> Vec<Hardware> {
        self.of_kind("Node").map(hardware).collect()
    }

    /// Where its pods were.
    pub(super) fn spots(&self) -> Vec<Spot> {
        self.of_kind("Pod").map(spot).collect()
    }

    /// When it was like that: when a run begins that goes on from there.
    pub fn at(&self) -> Option<Timestamp> {
        self.0.at
    }

    /// Puts everything into a new cluster, before anybody acts in it.
    ///
    /// # Errors
    /// The store takes no writes.
    pub(super) async fn restore(&self, api: &Api) -> Result<(), Status> {
        for object in &self.0.objects {
            if let Some(kind) = kind_of(object) {
                api.restore(kind, object.clone()).await?;
            }
        }
        Ok(())
    }
}

/// When an object was made, or, of a node, last heard of.
fn newest(object: &Value) -> Option<Timestamp> {
    let beats = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let times = beats.map(|condition| text(condition, "/lastHeartbeatTime")).chain([text(object, "/metadata/creationTimestamp")]);
    times.filter_map(|time| time.parse().ok()).max()
}

fn strings(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let fields = object.pointer(pointer).and_then(Value::as_object);
    fields.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn hardware(node: &Value) -> Hardware {
    let labels = strings(node, "/metadata/labels");
    let amounts = |pointer: &str| -> BTreeMap<String, Quantity> {
        strings(node, pointer).into_iter().filter_map(|(name, amount)| Some((name, amount.parse().ok()?))).collect()
    };
    let (capacity, allocatable) = (amounts("/status/capacity"), amounts("/status/allocatable"));
    let zone = labels.get(ZONE).or_else(|| labels.get(OLD_ZONE)).cloned().unwrap_or_default();
    let taints = node.pointer("/spec/taints").cloned().and_then(|taints| serde_json::from_value(taints).ok()).unwrap_or_default();
    let resources = (!allocatable.is_empty()).then_some(Resources { capacity, allocatable });
    Hardware { name: text(node, "/metadata/name").to_owned(), zone, labels, taints, resources }
}

fn spot(pod: &Value) -> Spot {
    Spot {
        pod: format!("{}/{}", text(pod, "/metadata/namespace"), text(pod, "/metadata/name")),
        uid: text(pod, "/metadata/uid").to_owned(),
        owner: pod.pointer("/metadata/ownerReferences/0/uid").and_then(Value::as_str).map(str::to_owned),
        node: Some(text(pod, "/spec/nodeName").to_owned()).filter(|node| !node.is_empty()),
        ..Spot::default()
    }
}

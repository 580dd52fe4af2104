//! What the scheduler watches, as changes to its picture of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::{BoxStream, SelectAll, StreamExt};
use k8s_openapi::api::core::v1;
use serde::Deserialize;

use super::affinity::NodeTerms;
use super::cluster::{Claim, Cluster};
use super::event::ClusterEvent;
use super::pod::PodInfo;
use crate::actors::informer::{Delta, InformerHandle, Informers, ObjectKey};
use crate::api::object::Object;

type Update = Box<dyn FnOnce(&mut Cluster) + Send>;

/// One change.
pub enum Change {
    /// A pod as it is now, or gone.
    Pod(ObjectKey, Option<Arc<PodInfo>>),
    Node(Object),
    NodeGone(String),
    /// Of a claim or volume, and what may come of it.
    Storage(Update, ClusterEvent),
    /// Of a namespace, or of what groups pods in one.
    Namespace(Update),
}

/// What one change of an informer's means to the scheduler.
type Reading = fn(Delta) -> Change;

/// The informers that matter here.
pub struct World {
    pods: InformerHandle,
    nodes: InformerHandle,
    others: Vec<(InformerHandle, Reading)>,
}

impl World {
    pub fn new(informers: &Informers) -> Self {
        let others: [(InformerHandle, Reading); 5] = [
            (informers.typed::<v1::Namespace>(), namespace),
            (informers.typed::<v1::Service>(), |delta| group("Service", delta)),
            (informers.typed::<v1::ReplicationController>(), |delta| group("ReplicationController", delta)),
            (informers.typed::<v1::PersistentVolumeClaim>(), claim),
            (informers.typed::<v1::PersistentVolume>(), volume),
        ];
        Self { pods: informers.typed::<v1::Pod>(), nodes: informers.typed::<v1::Node>(), others: others.into() }
    }

    /// All that is there, then all that changes.
    pub fn changes(&self) -> SelectAll<BoxStream<'static, Vec<Change>>> {
        fn of(informer: &InformerHandle, change: Reading) -> BoxStream<'static, Vec<Change>> {
            informer.subscribe().map(move |deltas| deltas.into_iter().map(change).collect()).boxed()
        }
        // Nodes before pods: a first turn should know where pods can go.
        let mut streams = SelectAll::new();
        streams.push(of(&self.nodes, node));
        streams.push(of(&self.pods, pod));
        self.others.iter().for_each(|(informer, change)| streams.push(of(informer, *change)));
        streams
    }

    /// Resolves once every informer has listed.
    pub fn synced(&self) -> impl Future<Output = ()> + use<> {
        let informers: Vec<InformerHandle> =
            [&self.pods, &self.nodes].into_iter().chain(self.others.iter().map(|(informer, _)| informer)).cloned().collect();
        async move { _ = join_all(informers.iter().map(InformerHandle::synced)).await }
    }
}

fn pod(delta: Delta) -> Change {
    Change::Pod(delta.key.clone(), delta.new.as_ref().map(|pod| pod.project::<PodInfo>()))
}

fn node(delta: Delta) -> Change {
    match delta.new {
        Some(node) => Change::Node((**node).clone()),
        None => Change::NodeGone(delta.key.name.to_string()),
    }
}

fn namespace(delta: Delta) -> Change {
    Change::Namespace(Box::new(move |cluster| {
        cluster.put_namespace(&delta.key.name, delta.new.as_ref().map(|namespace| namespace.labels()))
    }))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Group {
    spec: GroupSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupSpec {
    selector: BTreeMap<String, String>,
}

fn group(kind: &'static str, delta: Delta) -> Change {
    Change::Namespace(Box::new(move |cluster| {
        let groups = cluster.groups.entry(delta.key.namespace.to_string()).or_default();
        let name = format!("{kind}/{}", delta.key.name);
        match delta.new {
            Some(object) => _ = groups.insert(name, object.parse::<Group>().unwrap_or_default().spec.selector),
            None => _ = groups.remove(&name),
        }
    }))
}

fn claim(delta: Delta) -> Change {
    let event = ClusterEvent::Claim(delta.key.clone());
    let update = move |cluster: &mut Cluster| match delta.new {
        Some(object) => {
            let v1::PersistentVolumeClaim { spec, status, .. } = object.parse().unwrap_or_default();
            let bound = object.meta().annotations.contains_key("pv.kubernetes.io/bind-completed");
            let claim = Claim {
                volume: spec.and_then(|spec| spec.volume_name).filter(|name| bound && !name.is_empty()),
                lost: status.and_then(|status| status.phase).as_deref() == Some("Lost"),
                terminating: object.meta().deletion_timestamp.is_some(),
            };
            cluster.claims.insert(delta.key, claim);
        }
        None => _ = cluster.claims.remove(&delta.key),
    };
    Change::Storage(Box::new(update), event)
}

fn volume(delta: Delta) -> Change {
    let update = move |cluster: &mut Cluster| match delta.new {
        Some(object) => {
            let spec = object.parse::<v1::PersistentVolume>().ok().and_then(|volume| volume.spec).unwrap_or_default();
            let required = spec.node_affinity.and_then(|affinity| affinity.required);
            cluster.volumes.insert(object.name().to_owned(), required.map(|selector| Arc::new(NodeTerms::from(selector))));
        }
        None => _ = cluster.volumes.remove(&*delta.key.name),
    };
    Change::Storage(Box::new(update), ClusterEvent::Volume)
}

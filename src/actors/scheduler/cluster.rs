//! The scheduler's picture of the cluster: nodes in a dense column, pods assumed where they were placed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::affinity::NodeTerms;
use super::node::NodeInfo;
use super::pod::PodInfo;
use crate::actors::informer::ObjectKey;
use crate::api::object::Object;
use crate::api::selector::LabelSelector;

/// Everything that a decision may look at. A clone shares the nodes until they change.
#[derive(Clone, Default)]
pub struct Cluster {
    nodes: Vec<Arc<NodeInfo>>,
    /// How many of them are known.
    known: usize,
    places: BTreeMap<Arc<str>, usize>,
    /// Where each pod that occupies a node is.
    pods: BTreeMap<ObjectKey, Arc<str>>,
    /// Of those, the ones with terms about other pods, which every new pod must be held against.
    choosy: BTreeSet<ObjectKey>,
    /// Pods that preemption made room for, by the node that is kept for them.
    nominated: BTreeMap<Arc<str>, BTreeMap<ObjectKey, Arc<PodInfo>>>,
    /// Labels by namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Selectors of services and replication controllers, by namespace and `Kind/name`: what pods are spread by if they do not say.
    pub groups: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    pub claims: BTreeMap<ObjectKey, Claim>,
    /// For each volume that is not everywhere, the nodes it can be used on.
    pub volumes: BTreeMap<String, Option<Arc<NodeTerms>>>,
}

/// A persistent volume claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The volume it is bound to.
    pub volume: Option<String>,
    /// It had one, which is gone.
    pub lost: bool,
    pub terminating: bool,
}

impl Cluster {
    /// All nodes that are there, in order of first appearance.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.iter().map(|node| &**node).filter(|node| node.known)
    }

    /// How many nodes are there. To count them is to touch every one, which costs as much as to judge a tenth of them.
    pub fn known(&self) -> usize {
        self.known
    }

    /// The column itself, with the places of nodes that are gone.
    pub fn column(&self) -> &[Arc<NodeInfo>] {
        &self.nodes
    }

    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.places.get(name).map(|place| &*self.nodes[*place])
    }

    /// The same, to keep.
    pub fn shared_node(&self, name: &str) -> Option<Arc<NodeInfo>> {
        self.places.get(name).map(|place| self.nodes[*place].clone())
    }

    fn node_mut(&mut self, name: &str) -> &mut NodeInfo {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let node = NodeInfo::named(name);
                self.places.insert(node.name.clone(), self.nodes.len());
                self.nodes.push(Arc::new(node));
                self.nodes.len() - 1
            }
        };
        Arc::make_mut(&mut self.nodes[place])
    }

    /// A node's object is new or has changed.
    pub fn put_node(&mut self, object: &Object) {
        let node = self.node_mut(object.name());
        let is_new = !node.known;
        node.update(object);
        self.known += usize::from(is_new);
    }

    /// A node's object is gone. Its pods may still be there.
    pub fn remove_node(&mut self, name: &str) {
        if self.places.contains_key(name) {
            let node = self.node_mut(name);
            let was_known = node.known;
            *node = NodeInfo { pods: std::mem::take(&mut node.pods), ..NodeInfo::named(name) };
            self.known -= usize::from(was_known);
        }
    }

    /// A pod occupies a node, or is assumed to.
    pub fn put_pod(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.remove_pod(&pod.key);
        self.forget_nomination(&pod.key);
        if !pod.near.is_empty() || !pod.apart.is_empty() || !pod.near_preferred.is_empty() || !pod.apart_preferred.is_empty() {
            self.choosy.insert(pod.key.clone());
        }
        let host = self.node_mut(node);
        let name = host.name.clone();
        let key = pod.key.clone();
        host.add(pod);
        self.pods.insert(key, name);
    }

    /// A pod occupies nothing any more; tells where it was.
    pub fn remove_pod(&mut self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        let node = self.pods.remove(key)?;
        self.choosy.remove(key);
        self.node_mut(&node).remove(key)
    }

    pub fn pod(&self, key: &ObjectKey) -> Option<&Arc<PodInfo>> {
        self.node(self.pods.get(key)?)?.pods.get(key)
    }

    /// The pods with terms about other pods, and their nodes.
    pub fn choosy(&self) -> impl Iterator<Item = (&Arc<PodInfo>, &NodeInfo)> {
        self.choosy.iter().filter_map(|key| {
            let node = self.node(self.pods.get(key)?)?;
            Some((node.pods.get(key)?, node)).filter(|_| node.known)
        })
    }

    /// Keeps room on a node for a pod that preempted others there.
    pub fn nominate(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.forget_nomination(&pod.key);
        let name = self.node_mut(node).name.clone();
        self.nominated.entry(name).or_default().insert(pod.key.clone(), pod);
    }

    pub fn forget_nomination(&mut self, key: &ObjectKey) {
        self.nominated.retain(|_, pods| {
            pods.remove(key);
            !pods.is_empty()
        });
    }

    /// The cluster as it will be once those at least as important as `pod` that are kept room for on a node are there; `None` if there
    /// are none.
    pub fn with_nominated(&self, node: &str, pod: &PodInfo) -> Option<Cluster> {
        let waiting = self.nominated.get(node)?;
        let mut cluster = None;
        for other in waiting.values().filter(|other| other.priority >= pod.priority && other.key != pod.key) {
            cluster.get_or_insert_with(|| self.clone()).put_pod(other.clone(), node);
        }
        cluster
    }

    /// What a pod without spread constraints is spread by: the selectors of the services that select it and of its controller.
    pub fn group_selector(&self, pod: &PodInfo) -> Option<LabelSelector> {
        let groups = self.groups.get(&*pod.key.namespace)?;
        let owner = pod.owner.as_ref().map(|(kind, name)| format!("{kind}/{name}"));
        let mut labels = BTreeMap::new();
        for (group, selector) in groups {
            let selects = !selector.is_empty() && selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
            if selects && (group.starts_with("Service/") || owner.as_ref() == Some(group)) {
                labels.extend(selector.iter());
            }
        }
        (!labels.is_empty()).then(|| LabelSelector::from_map(labels))
    }
}

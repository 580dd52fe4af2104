//! The scheduler's picture of the cluster: nodes in a dense column, pods assumed where they were placed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::affinity::NodeTerms;
use super::counts::{Counted, Counts, Drawn};
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::tally::{Namespaces, Question};
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
    /// Pods that preemption made room for, by the node that is kept for them.
    nominated: BTreeMap<Arc<str>, BTreeMap<ObjectKey, Arc<PodInfo>>>,
    namespaces: Namespaces,
    counts: Counts,
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

    /// The place of a node, which may not be there but is named.
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let node = NodeInfo::named(name, self.nodes.len());
        self.places.insert(node.name.clone(), node.place);
        self.nodes.push(Arc::new(node));
        self.nodes.len() - 1
    }

    fn node_mut(&mut self, place: usize) -> &mut NodeInfo {
        Arc::make_mut(&mut self.nodes[place])
    }

    /// A node that is there counts no more, or does from now on.
    fn count(&mut self, place: usize, sign: i64) {
        if self.nodes[place].known {
            self.counts.add_node(place, &self.nodes, &self.namespaces, sign);
        }
    }

    /// A node's object is new or has changed.
    pub fn put_node(&mut self, object: &Object) {
        let place = self.place(object.name());
        let before = &self.nodes[place];
        let is_new = !before.known;
        if !is_new && before.labels == *object.labels() {
            return self.node_mut(place).update(object);
        }
        self.count(place, -1);
        self.node_mut(place).update(object);
        self.counts.relabel(place, Some(object.labels()));
        self.count(place, 1);
        self.known += usize::from(is_new);
    }

    /// A node's object is gone. Its pods may still be there.
    pub fn remove_node(&mut self, name: &str) {
        if let Some(place) = self.places.get(name).copied() {
            self.count(place, -1);
            self.counts.relabel(place, None);
            let node = self.node_mut(place);
            let was_known = node.known;
            *node = NodeInfo { pods: std::mem::take(&mut node.pods), ..NodeInfo::named(name, place) };
            self.known -= usize::from(was_known);
        }
    }

    /// A pod occupies a node, or is assumed to.
    pub fn put_pod(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.remove_pod(&pod.key);
        self.forget_nomination(&pod.key);
        let place = self.place(node);
        let host = self.node_mut(place);
        let name = host.name.clone();
        host.add(pod.clone());
        if host.known {
            self.counts.add_pod(place, &self.nodes, &pod, &self.namespaces, 1);
        }
        self.pods.insert(pod.key.clone(), name);
    }

    /// A pod occupies nothing any more; tells where it was.
    pub fn remove_pod(&mut self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        let node = self.pods.remove(key)?;
        let place = self.place(&node);
        let host = self.node_mut(place);
        let (pod, is_known) = (host.remove(key)?, host.known);
        if is_known {
            self.counts.add_pod(place, &self.nodes, &pod, &self.namespaces, -1);
        }
        Some(pod)
    }

    pub fn pod(&self, key: &ObjectKey) -> Option<&Arc<PodInfo>> {
        self.node(self.pods.get(key)?)?.pods.get(key)
    }

    /// Keeps the answer to a question from now on.
    pub fn keep(&mut self, question: Question) {
        self.counts.keep(question, &self.nodes, &self.namespaces);
    }

    /// The answer to a question: at once if it is kept.
    pub fn counted(&self, question: Question) -> Counted {
        self.counts.tally(&question).unwrap_or_else(|| self.counted_on(question, |_| true))
    }

    /// The answer to a question about some nodes, which is counted now.
    pub fn counted_on(&self, question: Question, includes: impl Fn(&NodeInfo) -> bool) -> Counted {
        let topology = self.counts.topology(&question.topology_key, &self.nodes);
        Counted::anew(question, topology, self.nodes().filter(|node| includes(node)), &self.namespaces)
    }

    /// What the terms of the pods that are there say of this one.
    pub fn pulls<'a>(&'a self, pod: &'a PodInfo) -> impl Iterator<Item = Drawn> + 'a {
        self.counts.pulls(pod, &self.namespaces)
    }

    /// Labels by namespace.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// A namespace has these labels, or is gone.
    pub fn put_namespace(&mut self, name: &str, labels: Option<&BTreeMap<String, String>>) {
        let before = match labels {
            Some(labels) => self.namespaces.insert(name.to_owned(), labels.clone()),
            None => self.namespaces.remove(name),
        };
        if before.as_ref() != labels {
            self.counts.namespaces_changed();
        }
    }

    /// Keeps room on a node for a pod that preempted others there.
    pub fn nominate(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.forget_nomination(&pod.key);
        let place = self.place(node);
        let name = self.nodes[place].name.clone();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::framework::Plugin;
    use super::super::plugins::default_profile;
    use super::super::tests::{node, pod};
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Node {
            node: usize,
            zone: usize,
        },
        NodeGone(usize),
        Pod {
            pod: usize,
            sort: usize,
            node: usize,
            terminating: bool,
        },
        PodGone(usize),
        /// The scheduler is about to decide on such a pod.
        Decide {
            sort: usize,
        },
        Namespace {
            team: usize,
        },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (node, sort) = (0..6_usize, 0..SORTS);
        let step = prop_oneof![
            2 => (node.clone(), 0..4_usize).prop_map(|(node, zone)| Step::Node { node, zone }),
            1 => node.clone().prop_map(Step::NodeGone),
            6 => (0..12_usize, sort.clone(), node, any::<bool>())
                .prop_map(|(pod, sort, node, terminating)| Step::Pod { pod, sort, node, terminating }),
            2 => (0..12_usize).prop_map(Step::PodGone),
            3 => sort.prop_map(|sort| Step::Decide { sort }),
            1 => (0..2_usize).prop_map(|team| Step::Namespace { team }),
        ];
        proptest::collection::vec(step, 1..60)
    }

    const SORTS: usize = 7;

    fn of_sort(name: &str, sort: usize, terminating: bool) -> Arc<PodInfo> {
        let app = |app: &str| json!({"matchLabels": {"app": app}});
        let spread =
            |key: &str, when: &str| json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": app("a")});
        let near = json!({"labelSelector": app("a"), "topologyKey": "zone"});
        let far = json!({"labelSelector": app("b"), "topologyKey": "kubernetes.io/hostname", "namespaceSelector": {"matchLabels": {"team": "1"}}});
        let required = |terms: Value| json!({"requiredDuringSchedulingIgnoredDuringExecution": terms});
        let preferred = |term: &Value| json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "podAffinityTerm": term}]});
        let spec = match sort {
            0 => json!({}),
            1 => {
                json!({"topologySpreadConstraints": [spread("zone", "DoNotSchedule"), spread("kubernetes.io/hostname", "ScheduleAnyway")]})
            }
            2 => json!({"topologySpreadConstraints": [spread("zone", "DoNotSchedule"), spread("kubernetes.io/hostname", "DoNotSchedule")]}),
            3 => json!({"topologySpreadConstraints": [spread("zone", "ScheduleAnyway")], "nodeSelector": {"zone": "1"}}),
            4 => json!({"affinity": {"podAffinity": required(json!([near, far]))}}),
            5 => json!({"affinity": {"podAntiAffinity": required(json!([far])), "podAffinity": preferred(&near)}}),
            _ => json!({"affinity": {"podAntiAffinity": preferred(&far)}}),
        };
        let labels = json!({"app": if sort.is_multiple_of(2) { "a" } else { "b" }});
        let namespace = if sort < 5 { "default" } else { "other" };
        let deleted = terminating.then_some("2026-01-01T00:00:00Z");
        pod(name, json!({"metadata": {"namespace": namespace, "labels": labels, "deletionTimestamp": deleted}, "spec": spec}))
    }

    fn take(cluster: &mut Cluster, plugins: &[Box<dyn Plugin>], step: Step) {
        let name = |node: usize| format!("n{node}");
        match step {
            Step::Node { node: number, zone } => {
                let zone = (zone > 0).then(|| zone.to_string());
                let labels = zone.map_or(json!({}), |zone| json!({"zone": zone}));
                cluster.put_node(&node(&name(number), json!({"metadata": {"labels": labels}})));
            }
            Step::NodeGone(node) => cluster.remove_node(&name(node)),
            Step::Pod { pod, sort, node, terminating } => cluster.put_pod(of_sort(&pod.to_string(), sort, terminating), &name(node)),
            Step::PodGone(pod) => {
                for namespace in ["default", "other"] {
                    cluster.remove_pod(&ObjectKey::new(namespace, pod.to_string()));
                }
            }
            Step::Decide { sort } => {
                for question in questions(cluster, plugins, sort) {
                    cluster.keep(question);
                }
            }
            Step::Namespace { team } => cluster.put_namespace("other", Some(&[("team".to_owned(), team.to_string())].into())),
        }
    }

    fn questions(cluster: &Cluster, plugins: &[Box<dyn Plugin>], sort: usize) -> Vec<Question> {
        let pod = of_sort("asking", sort, false);
        plugins.iter().flat_map(|plugin| plugin.questions(&pod, cluster)).collect()
    }

    /// All that a decision can learn of the counts.
    fn told(cluster: &Cluster, plugins: &[Box<dyn Plugin>]) -> Vec<String> {
        let mut told = Vec::new();
        for sort in 0..SORTS {
            for question in questions(cluster, plugins, sort) {
                let counted = cluster.counted(question);
                let mut domains: Vec<i64> = counted.tally.domains().collect();
                domains.sort_unstable();
                let beside: Vec<_> = cluster.nodes().map(|node| counted.beside(node)).collect();
                told.push(format!("{:?}: {beside:?} {domains:?} {}", counted.tally.question, counted.tally.total()));
            }
            let pod = of_sort("asking", sort, false);
            for drawn in cluster.pulls(&pod).filter(|drawn| drawn.refuses_somewhere() || drawn.weighs_somewhere()) {
                let of_nodes: Vec<_> = cluster.nodes().map(|node| (drawn.refuses(node), drawn.weight(node))).collect();
                told.push(format!("{sort}: {of_nodes:?}"));
            }
        }
        told
    }

    proptest! {
        // Each case compares everything after every step.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_kept_is_what_a_count_would_find(steps in steps()) {
            let plugins = default_profile();
            let mut cluster = Cluster::default();
            for step in steps {
                take(&mut cluster, &plugins, step);
                let mut counts = Counts::default();
                for node in cluster.nodes() {
                    counts.add_node(node.place, &cluster.nodes, &cluster.namespaces, 1);
                }
                let recounted = Cluster { counts, ..cluster.clone() };
                prop_assert_eq!(told(&cluster, &plugins), told(&recounted, &plugins));
            }
        }
    }
}

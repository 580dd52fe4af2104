//! Taint-based eviction: a pod leaves a node whose NoExecute taints it does not tolerate, or not for longer (Taints and Tolerations).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use serde_json::{Value, json};

use super::nodes::health::NodeView;
use super::pod::{PodView, Toleration};
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::events::{About, Recorder};
use crate::actors::informer::index::node_name;
use crate::actors::informer::{Delta, Entry, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;

/// Reconciles one pod at a time.
pub struct TaintEviction {
    client: ClientRef,
    events: Recorder,
    nodes: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
}

impl TaintEviction {
    pub fn new(tools: &Tools, events: Recorder) -> Self {
        Self {
            client: tools.client.clone(),
            events,
            nodes: tools.informers.typed::<Node>(),
            pods: tools.informers.typed::<Pod>(),
            kind: Registry::built_in().of::<Pod>().clone(),
        }
    }

    /// The pods on a node whose taints changed.
    fn concerned(&self, delta: &Delta) -> Vec<ObjectKey> {
        let evicting = |node: &Option<Arc<Entry>>| node.as_ref().map(|node| evicting(&node.project::<NodeView>())).unwrap_or_default();
        if evicting(&delta.old) == evicting(&delta.new) {
            return Vec::new();
        }
        self.pods.view().by_node(&delta.key.name).map(|pod| ObjectKey::from(&**pod)).collect()
    }

    async fn evict(&self, pod: &PodView) -> Result<(), Status> {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint", "lastTransitionTime": clock::now(),
        });
        let object = &pod.object;
        self.events.normal(
            About::object(&self.kind, object),
            "TaintManagerEviction",
            format!("Marking for deletion Pod {}/{}", object.namespace(), object.name()),
        );
        disrupt(&self.client, &self.kind, object, json!({ "conditions": with_condition(object, condition) })).await?;
        let options = DeleteOptions { uid: Some(object.uid().to_owned()), ..DeleteOptions::default() };
        match self.client.delete(&self.kind, object.namespace(), object.name(), &options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Reconciler for TaintEviction {
    type Key = ObjectKey;
    const NAME: &'static str = "taint eviction";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![
            Watch::new(&self.nodes, Self::concerned),
            Watch::new(&self.pods, |_, delta| {
                delta.new.iter().filter(|pod| !node_name(pod).is_empty()).map(|_| delta.key.clone()).collect()
            }),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let pods = self.pods.view();
        let Some(entry) = pods.get(key) else { return Ok(Outcome::Done) };
        let node = ObjectKey::new("", node_name(entry));
        let Some(node) = self.nodes.view().get(&node).map(|entry| entry.project::<NodeView>()) else { return Ok(Outcome::Done) };
        let taints = evicting(&node);
        // Most nodes have none, and then nothing more is read of the pod.
        if taints.is_empty() {
            return Ok(Outcome::Done);
        }
        let pod = entry.project::<PodView>();
        if pod.is_deleting() || pod.is_finished() {
            return Ok(Outcome::Done);
        }
        let now = clock::now();
        match due(&taints, &pod.spec.tolerations, now) {
            Some(due) if due <= now => self.evict(&pod).await.map(|()| Outcome::Done),
            due => Ok(Outcome::at(due, now)),
        }
    }
}

fn evicting(node: &NodeView) -> Vec<Taint> {
    node.taints.iter().filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

/// When a pod with these tolerations has to leave a node with these taints; never if it tolerates them for ever.
fn due(taints: &[Taint], tolerations: &[Toleration], now: Timestamp) -> Option<Timestamp> {
    let each = taints.iter().map(|taint| {
        let mut tolerating = tolerations.iter().filter(|toleration| tolerates(toleration, taint)).peekable();
        if tolerating.peek().is_none() {
            return Some(now);
        }
        // The shortest of all that apply counts; one without a time does not.
        let seconds = tolerating.filter_map(|toleration| toleration.toleration_seconds).min()?;
        let since = taint.time_added.as_ref().map_or(now, |time| time.0);
        Some(since.saturating_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX))
    });
    each.flatten().min()
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let key = toleration.key.is_empty() || toleration.key == taint.key;
    let value = match toleration.operator.as_str() {
        "" | "Equal" => toleration.value == taint.value.as_deref().unwrap_or_default(),
        "Exists" => true,
        _ => false,
    };
    effect && key && value
}

/// A pod's conditions with this one instead of any of its type.
pub fn with_condition(pod: &Object, condition: Value) -> Vec<Value> {
    let mut conditions = pod.value()["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.retain(|old| old["type"] != condition["type"]);
    conditions.push(condition);
    conditions
}

/// Changes a pod's status before the pod is deleted, so that who looks at its last state sees why.
pub async fn disrupt(client: &ClientRef, kind: &KindRef, pod: &Object, status: Value) -> Result<(), Status> {
    let patch = Patch::Merge(json!({ "metadata": { "uid": pod.uid() }, "status": status }));
    match client.patch(kind, pod.namespace(), pod.name(), "status", patch, &WriteOptions::default()).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::controllers::fixtures::noon;

    #[test]
    fn a_pod_leaves_when_its_shortest_toleration_ends() {
        let taint = |key: &str, ago: i64| {
            let since = noon() - SignedDuration::from_secs(ago);
            serde_json::from_value::<Taint>(json!({ "key": key, "effect": "NoExecute", "timeAdded": since })).unwrap()
        };
        let tolerating = |key: &str, seconds: Option<i64>| Toleration {
            key: key.into(),
            operator: "Exists".into(),
            effect: "NoExecute".into(),
            toleration_seconds: seconds,
            ..Toleration::default()
        };
        let after = |seconds: i64| Some(noon() + SignedDuration::from_secs(seconds));
        let cases = [
            (vec![], vec![], None),
            (vec![taint("a", 0)], vec![], after(0)),
            (vec![taint("a", 0)], vec![tolerating("b", None)], after(0)),
            (vec![taint("a", 0)], vec![tolerating("a", None)], None),
            (vec![taint("a", 0)], vec![tolerating("", None)], None),
            (vec![taint("a", 100)], vec![tolerating("a", Some(300))], after(200)),
            (vec![taint("a", 400)], vec![tolerating("a", Some(300))], after(-100)),
            (vec![taint("a", 0)], vec![tolerating("a", None), tolerating("a", Some(30))], after(30)),
            (vec![taint("a", 0), taint("b", 0)], vec![tolerating("a", Some(300)), tolerating("b", Some(60))], after(60)),
            (vec![taint("a", 0), taint("b", 0)], vec![tolerating("a", Some(300))], after(0)),
        ];
        for (taints, tolerations, expected) in cases {
            assert_eq!(due(&taints, &tolerations, noon()), expected, "{taints:?} {tolerations:?}");
        }
    }
}

//! The pod garbage collector: pods that nobody else will remove (Pod Lifecycle, "Garbage collection of Pods").

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::eviction::{disrupt, with_condition};
use super::nodes::health::NodeView;
use super::pod::PodView;
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;
use crate::runtime::clock::{self, Instant};

const PERIOD: Duration = Duration::from_secs(20);
/// How long a node must have been missing before its pods are.
const QUARANTINE: Duration = Duration::from_secs(40);
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Looks at all pods from time to time.
pub struct PodGarbage {
    client: ClientRef,
    nodes: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
    node_kind: KindRef,
    /// Pods that have ended and are kept all the same.
    threshold: usize,
    /// Since when nodes that pods name have been missing.
    missing: RefCell<BTreeMap<String, Instant>>,
}

/// Why a pod is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    TooMany,
    NodeGone,
    NeverScheduled,
    OutOfService,
}

impl PodGarbage {
    pub fn new(tools: &Tools, threshold: usize) -> Self {
        let registry = Registry::built_in();
        Self {
            client: tools.client.clone(),
            nodes: tools.informers.typed::<Node>(),
            pods: tools.informers.typed::<Pod>(),
            kind: registry.of::<Pod>().clone(),
            node_kind: registry.of::<Node>().clone(),
            threshold,
            missing: RefCell::default(),
        }
    }

    fn node(&self, name: &str) -> Option<Arc<NodeView>> {
        self.nodes.view().get(&ObjectKey::new("", name)).map(|node| node.project::<NodeView>())
    }

    /// The nodes that have been missing for long enough, and are not there when asked for.
    async fn gone(&self, pods: &[Arc<PodView>]) -> Result<Vec<String>, Status> {
        let now = clock::instant();
        let named = pods.iter().map(|pod| &pod.spec.node_name).filter(|name| !name.is_empty() && self.node(name).is_none());
        let suspects: Vec<String> = {
            let mut missing = self.missing.borrow_mut();
            let before = std::mem::take(&mut *missing);
            missing.extend(named.map(|name| (name.clone(), before.get(name).copied().unwrap_or(now))));
            missing.iter().filter(|(_, since)| now - **since >= QUARANTINE).map(|(name, _)| name.clone()).collect()
        };
        let mut gone = Vec::new();
        for name in suspects {
            match self.client.get(&self.node_kind, "", &name).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() => gone.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    async fn remove(&self, pod: &PodView, reason: Reason) -> Result<(), Status> {
        let object = &pod.object;
        if !pod.is_finished() {
            let status = match reason {
                Reason::NodeGone => json!({ "phase": "Failed", "conditions": with_condition(object, disruption()) }),
                _ => json!({ "phase": "Failed" }),
            };
            disrupt(&self.client, &self.kind, object, status).await?;
        }
        let options = DeleteOptions { uid: Some(object.uid().to_owned()), grace_period_seconds: Some(0), ..DeleteOptions::default() };
        match self.client.delete(&self.kind, object.namespace(), object.name(), &options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

fn disruption() -> Value {
    json!({
        "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists", "lastTransitionTime": clock::now(),
    })
}

impl Reconciler for PodGarbage {
    type Key = ();
    const NAME: &'static str = "pod garbage";
    const WORKERS: usize = 1;

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.nodes, |_, _| Vec::new()), Watch::new(&self.pods, |_, _| Vec::new())]
    }

    fn first_keys(&self) -> Vec<()> {
        vec![()]
    }

    async fn reconcile(&self, (): &()) -> Result<Outcome, Status> {
        let pods: Vec<_> = self.pods.view().iter().map(|pod| pod.project::<PodView>()).collect();
        let gone = self.gone(&pods).await?;
        let mut doomed: Vec<(&PodView, Reason)> = surplus(&pods, self.threshold).into_iter().map(|pod| (pod, Reason::TooMany)).collect();
        for pod in &pods {
            let node = &pod.spec.node_name;
            let out_of_service = |node: &NodeView| !node.is_ready() && node.taints.iter().any(|taint| taint.key == OUT_OF_SERVICE);
            if gone.contains(node) {
                doomed.push((pod, Reason::NodeGone));
            } else if pod.is_deleting() && node.is_empty() {
                doomed.push((pod, Reason::NeverScheduled));
            } else if pod.is_deleting() && self.node(node).is_some_and(|node| out_of_service(&node)) {
                doomed.push((pod, Reason::OutOfService));
            }
        }
        for (pod, reason) in doomed {
            tracing::info!(pod = %ObjectKey::from(&pod.object), ?reason, "a pod that nobody else will remove is deleted");
            self.remove(pod, reason).await?;
        }
        Ok(Outcome::Again(PERIOD))
    }
}

/// The pods that have ended beyond those that are kept: evicted ones first, then the oldest.
fn surplus(pods: &[Arc<PodView>], threshold: usize) -> Vec<&PodView> {
    let mut ended: Vec<&PodView> = pods.iter().map(|pod| &**pod).filter(|pod| pod.is_finished()).collect();
    let count = ended.len().saturating_sub(threshold);
    if threshold == 0 || count == 0 {
        return Vec::new();
    }
    ended.sort_by_key(|pod| (pod.status.reason != "Evicted", pod.object.meta().creation_timestamp, pod.object.name().to_owned()));
    ended.truncate(count);
    ended
}

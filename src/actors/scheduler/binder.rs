//! What the scheduler writes: bindings, conditions, and the end of pods that must make room.

use std::sync::Arc;

use k8s_openapi::api::core::v1;
use serde_json::{Value, json};

use super::pod::PodInfo;
use crate::actors::events::{About, Recorder, Severity};
use crate::actors::informer::ObjectKey;
use crate::api::client::{ClientRef, DeleteOptions, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::schema::written;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::store::Revision;

/// Something to write.
pub enum Effect {
    Bind {
        pod: Arc<PodInfo>,
        node: Arc<str>,
    },
    /// Why a pod waits, and the node that is being cleared for it.
    Report {
        pod: Arc<PodInfo>,
        message: String,
        nominated: Option<Arc<str>>,
    },
    Preempt {
        victim: Arc<PodInfo>,
        by: Arc<PodInfo>,
        node: Arc<str>,
    },
}

/// What became of it, as far as the scheduler must know.
pub enum Outcome {
    Bound(ObjectKey),
    NotBound(Arc<PodInfo>),
    Done,
}

#[derive(Clone)]
pub struct Binder {
    client: ClientRef,
    recorder: Recorder,
    pods: KindRef,
}

impl Binder {
    pub fn new(client: ClientRef, recorder: Recorder) -> Self {
        Self { client, recorder, pods: Registry::built_in().of::<v1::Pod>().clone() }
    }

    pub async fn perform(self, effect: Effect) -> Outcome {
        match effect {
            Effect::Bind { pod, node } => self.bind(pod, &node).await,
            Effect::Report { pod, message, nominated } => {
                let result = self.report(&pod, &message, nominated.as_deref()).await;
                self.done("the condition of a pod could not be written", result)
            }
            Effect::Preempt { victim, by, node } => {
                let result = self.preempt(&victim, &by, &node).await;
                self.done("a pod could not be preempted", result)
            }
        }
    }

    /// A pod that is gone needs nothing any more; anything else the next attempt will meet again.
    fn done(&self, what: &str, result: Result<(), Status>) -> Outcome {
        if let Err(error) = result
            && !error.is_not_found()
        {
            tracing::warn!(%error, "{what}");
        }
        Outcome::Done
    }

    async fn bind(&self, pod: Arc<PodInfo>, node: &str) -> Outcome {
        let ObjectKey { namespace, name } = &pod.key;
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": &**name, "namespace": &**namespace, "uid": pod.uid},
            "target": {"kind": "Node", "name": node},
        });
        let options = WriteOptions::default();
        match self.client.create_subresource(&self.pods, namespace, name, "binding", binding, &options).await {
            Ok(_) => {
                let message = format!("Successfully assigned {} to {node}", pod.key);
                self.recorder.acted(self.about(&pod), Severity::Normal, "Scheduled", "Binding", message);
                Outcome::Bound(pod.key.clone())
            }
            Err(error) => {
                tracing::info!(pod = %pod.key, node, %error, "a binding failed");
                Outcome::NotBound(pod)
            }
        }
    }

    async fn report(&self, pod: &PodInfo, message: &str, nominated: Option<&str>) -> Result<(), Status> {
        self.recorder.acted(self.about(pod), Severity::Warning, "FailedScheduling", "Scheduling", message);
        let current = self.client.get(&self.pods, &pod.key.namespace, &pod.key.name).await?.value();
        let before = condition(&current);
        if before["status"] == "False" && before["reason"] == "Unschedulable" && before["message"] == message && nominated.is_none() {
            return Ok(());
        }
        let since = before["lastTransitionTime"].as_str().filter(|_| before["status"] == "False").map(str::to_owned);
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "observedGeneration": pod.generation,
            "lastTransitionTime": since.unwrap_or_else(now),
        });
        let mut status = json!({"conditions": [condition]});
        if let Some(node) = nominated {
            status["nominatedNodeName"] = node.into();
        }
        self.patch(pod, status).await
    }

    async fn preempt(&self, victim: &PodInfo, by: &PodInfo, node: &str) -> Result<(), Status> {
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": format!("{}: preempting to accommodate a higher priority pod", by.scheduler),
            "observedGeneration": victim.generation,
            "lastTransitionTime": now(),
        });
        self.patch(victim, json!({"conditions": [condition]})).await?;
        let options = DeleteOptions { uid: Some(victim.uid.clone()), ..DeleteOptions::default() };
        self.client.delete(&self.pods, &victim.key.namespace, &victim.key.name, &options).await?;
        let message = format!("Preempted by pod {} on node {node}", by.uid);
        self.recorder.acted(self.about(victim), Severity::Normal, "Preempted", "Preempting", message);
        Ok(())
    }

    /// Of that very pod: the uid in the patch is a precondition.
    async fn patch(&self, pod: &PodInfo, status: Value) -> Result<(), Status> {
        let patch = Patch::Strategic(json!({"metadata": {"uid": pod.uid}, "status": status}));
        let ObjectKey { namespace, name } = &pod.key;
        self.client.patch(&self.pods, namespace, name, "status", patch, &WriteOptions::default()).await.map(drop)
    }

    fn about(&self, pod: &PodInfo) -> About {
        About {
            api_version: self.pods.api_version(),
            kind: self.pods.kind().into(),
            namespace: pod.key.namespace.to_string(),
            name: pod.key.name.to_string(),
            uid: pod.uid.clone(),
            revision: Revision(0),
            field_path: String::new(),
        }
    }
}

fn condition(pod: &Value) -> Value {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "PodScheduled")).cloned().unwrap_or_default()
}

fn now() -> String {
    written(clock::now())
}

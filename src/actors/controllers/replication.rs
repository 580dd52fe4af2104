//! The replication controller: as many pods as a ReplicationController asks for, no more and no less.

mod decision;
mod ranking;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Pod, ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::{Value, json};

use super::ownership::{change_metadata, controller_reference, owner_references};
use super::pod::PodView;
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::events::{About, Recorder};
use crate::actors::informer::index::{ORPHAN, OWNER};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Revision, Stored};
use decision::Op;

/// Reconciles one ReplicationController at a time.
pub struct Replication {
    client: ClientRef,
    events: Recorder,
    controllers: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
    pod_kind: KindRef,
}

impl Replication {
    pub fn new(tools: &Tools, events: Recorder) -> Self {
        let registry = Registry::built_in();
        Self {
            client: tools.client.clone(),
            events,
            controllers: tools.informers.typed::<ReplicationController>(),
            pods: tools.informers.typed::<Pod>(),
            kind: registry.of::<ReplicationController>().clone(),
            pod_kind: registry.of::<Pod>().clone(),
        }
    }

    /// The controllers that a pod belongs to now or did before; those that could adopt it if it belongs to none.
    fn concerned(&self, delta: &Delta) -> Vec<ObjectKey> {
        let mut keys = Vec::new();
        for pod in [&delta.old, &delta.new].into_iter().flatten() {
            match pod.meta().controller() {
                Some(owner) if owner.kind == "ReplicationController" => keys.push(ObjectKey::new(pod.namespace(), owner.name.as_str())),
                Some(_) => {}
                None => keys.extend(self.controllers.view().namespace(pod.namespace()).map(|entry| ObjectKey::from(&**entry))),
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    fn pods_of(&self, rc: &Object) -> Vec<Arc<PodView>> {
        let is_controller = |pod: &Object| pod.meta().controller().is_some_and(|owner| owner.uid == rc.uid());
        let view = self.pods.view();
        view.indexed(&OWNER, rc.uid()).filter(|pod| is_controller(pod)).map(|pod| pod.project::<PodView>()).collect()
    }

    fn orphans(&self, namespace: &str) -> Vec<Arc<PodView>> {
        self.pods.view().indexed(&ORPHAN, namespace).map(|pod| pod.project::<PodView>()).collect()
    }
}

impl Reconciler for Replication {
    type Key = ObjectKey;
    const NAME: &'static str = "replication";
    const PACE: Duration = Duration::from_millis(50);

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.controllers, |_, delta| vec![delta.key.clone()]), Watch::new(&self.pods, Self::concerned)]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.controllers.view();
        let Some(object) = view.get(key) else { return Ok(Outcome::Done) };
        let rc: ReplicationController = object.parse().map_err(Status::internal)?;
        let ops = decision::reconcile(&rc, &self.pods_of(object), &self.orphans(&key.namespace), clock::now());
        let mut work = Work { controller: self, object, rc: &rc, newest: Revision(0) };
        let result = work.apply(ops).await;
        if !planted(Flaw::ForgetsExpectations) {
            self.pods.reached(work.newest).await;
        }
        let (mut status, due) = decision::status(&rc, &self.pods_of(object), clock::now());
        status.conditions = conditions(status.conditions, result.as_ref().err());
        self.write_status(object, &rc, status).await?;
        result.map_err(|failure| failure.error)?;
        Ok(Outcome::at(due, clock::now()))
    }
}

impl Replication {
    async fn write_status(&self, object: &Object, rc: &ReplicationController, status: ReplicationControllerStatus) -> Result<(), Status> {
        if rc.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let mut body = object.value();
        body["status"] = serde_json::to_value(status).map_err(Status::internal)?;
        let written = self.client.update(&self.kind, object.namespace(), object.name(), "status", body, &WriteOptions::default()).await?;
        self.controllers.reached(written.revision()).await;
        Ok(())
    }
}

/// Why the replicas could not be brought to the number wanted.
struct Failure {
    reason: &'static str,
    error: Status,
}

/// The condition ReplicaFailure stands while the last try to create or delete pods failed.
fn conditions(old: Option<Vec<ReplicationControllerCondition>>, failure: Option<&Failure>) -> Option<Vec<ReplicationControllerCondition>> {
    let (mut failed, mut kept): (Vec<_>, Vec<_>) = old.unwrap_or_default().into_iter().partition(|c| c.type_ == "ReplicaFailure");
    if let Some(Failure { reason, error }) = failure {
        let fresh = || ReplicationControllerCondition {
            type_: "ReplicaFailure".into(),
            status: "True".into(),
            last_transition_time: Some(Time(clock::now())),
            reason: Some((*reason).to_owned()),
            message: Some(error.message.clone()),
        };
        kept.push(failed.pop().unwrap_or_else(fresh));
    }
    (!kept.is_empty()).then_some(kept)
}

/// The application of ops to the world.
struct Work<'a> {
    controller: &'a Replication,
    object: &'a Object,
    rc: &'a ReplicationController,
    /// Of all writes to pods so far.
    newest: Revision,
}

impl Work<'_> {
    async fn apply(&mut self, ops: Vec<Op>) -> Result<(), Failure> {
        let mut deletions = Vec::new();
        for op in ops {
            match op {
                Op::Adopt(pod) => self.adopt(&pod).await.map_err(|error| Failure { reason: "FailedAdopt", error })?,
                Op::Release(pod) => self.release(&pod).await.map_err(|error| Failure { reason: "FailedRelease", error })?,
                Op::Create(count) => self.create(count).await.map_err(|error| Failure { reason: "FailedCreate", error })?,
                Op::Delete(pod) => deletions.push(pod),
            }
        }
        self.delete(&deletions).await.map_err(|error| Failure { reason: "FailedDelete", error })
    }

    /// A controller that is going away must not adopt, and the view may not know yet: so ask.
    async fn adopt(&mut self, pod: &PodView) -> Result<(), Status> {
        let Replication { client, kind, .. } = self.controller;
        let fresh = client.get(kind, self.object.namespace(), self.object.name()).await?;
        if fresh.uid() != self.object.uid() || fresh.meta().deletion_timestamp.is_some() {
            return Err(Status::internal(format!("{} is gone or going", self.object.name())));
        }
        let mut owners = owner_references(&pod.object);
        owners.push(self.reference());
        self.own(pod, owners).await
    }

    async fn release(&mut self, pod: &PodView) -> Result<(), Status> {
        let mut owners = owner_references(&pod.object);
        owners.retain(|owner| owner["uid"] != self.object.uid());
        self.own(pod, owners).await
    }

    async fn own(&mut self, pod: &PodView, owners: Vec<Value>) -> Result<(), Status> {
        let Replication { client, pod_kind, .. } = self.controller;
        if let Some(written) = change_metadata(client, pod_kind, &pod.object, "ownerReferences", json!(owners)).await? {
            self.wrote(&written);
        }
        Ok(())
    }

    /// One pod, then two, then four: so that what fails for all does not fail a thousand times.
    async fn create(&mut self, count: usize) -> Result<(), Status> {
        let Replication { client, pod_kind, events, .. } = self.controller;
        let (body, namespace, options) = (self.pod(), self.object.namespace(), WriteOptions::default());
        let mut left = count;
        let mut batch = 1;
        while left > 0 {
            let size = batch.min(left);
            let attempts = (0..size).map(|_| client.create(pod_kind, namespace, body.clone(), &options));
            let mut failure = None;
            for attempt in join_all(attempts).await {
                match attempt {
                    Ok(pod) => {
                        self.wrote(&pod);
                        events.normal(self.about(), "SuccessfulCreate", format!("Created pod: {}", pod.name()));
                    }
                    // Nothing can be made in a namespace that goes away, and trying again would not help.
                    Err(error) if error.has_cause("NamespaceTerminating") => return Ok(()),
                    Err(error) => {
                        events.warning(self.about(), "FailedCreate", format!("Error creating: {error}"));
                        failure = Some(error);
                    }
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
            left -= size;
            batch *= 2;
        }
        Ok(())
    }

    async fn delete(&mut self, pods: &[Arc<PodView>]) -> Result<(), Status> {
        let Replication { client, pod_kind, events, .. } = self.controller;
        let attempts = pods.iter().map(|pod| async move {
            let options = DeleteOptions { uid: Some(pod.object.uid().to_owned()), ..DeleteOptions::default() };
            (pod.object.name(), client.delete(pod_kind, pod.object.namespace(), pod.object.name(), &options).await)
        });
        let mut failure = None;
        for (name, attempt) in join_all(attempts).await {
            match attempt {
                Ok(pod) => {
                    self.wrote(&pod);
                    events.normal(self.about(), "SuccessfulDelete", format!("Deleted pod: {name}"));
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    events.warning(self.about(), "FailedDelete", format!("Error deleting: {error}"));
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn wrote(&mut self, pod: &Object) {
        self.newest = self.newest.max(pod.revision());
    }

    fn about(&self) -> About {
        About::object(&self.controller.kind, self.object)
    }

    fn reference(&self) -> Value {
        controller_reference(&self.controller.kind, self.object)
    }

    /// A pod after the template.
    fn pod(&self) -> Value {
        let template = self.rc.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
        let metadata = template.metadata.unwrap_or_default();
        let metadata = ObjectMeta {
            generate_name: Some(format!("{}-", self.object.name())),
            labels: metadata.labels,
            annotations: metadata.annotations,
            finalizers: metadata.finalizers,
            ..ObjectMeta::default()
        };
        let mut pod = json!(Pod { metadata, spec: template.spec, status: None });
        pod["metadata"]["ownerReferences"] = json!([self.reference()]);
        pod
    }
}

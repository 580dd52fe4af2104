//! The quota controller: what a namespace's objects take of its quotas, counted anew whenever they change. Admission adds to the count when
//! it lets an object in; this takes away what is gone, and puts right what was missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::LocalBoxStream;
use k8s_openapi::api::core::v1::ResourceQuota;
use serde::Deserialize;
use serde_json::{Value, json};

use super::declared::Declared;
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{Kind, KindRef, Registry};
use crate::api::object::Object;
use crate::api::quantity::{Format, Quantity};
use crate::api::quota::{self, Amounts};
use crate::api::status::Status;
use crate::runtime::store::Stored;

/// Reconciles one quota at a time.
pub struct Quotas {
    client: ClientRef,
    quotas: InformerHandle,
    kind: KindRef,
    /// All namespaced kinds that can be counted, one a collection.
    counted: Vec<InformerHandle>,
    declared: Declared,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Quota {
    spec: Spec,
    status: QuotaStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    hard: BTreeMap<String, String>,
}

/// What an object takes, and what of it scopes look at.
struct Usage {
    kind: Option<KindRef>,
    amounts: Amounts,
    scoped: Value,
}

impl From<&Object> for Usage {
    fn from(object: &Object) -> Self {
        let value = object.value();
        let text = |field: &str| value[field].as_str().unwrap_or_default();
        let kind = Registry::built_in().kind(text("apiVersion"), text("kind")).cloned();
        let amounts = kind.as_ref().map(|kind| quota::usage(kind, &value)).unwrap_or_default();
        let spec = &value["spec"];
        let scoped = json!({
            "spec": {
                "activeDeadlineSeconds": spec["activeDeadlineSeconds"],
                "priorityClassName": spec["priorityClassName"],
                "affinity": spec["affinity"],
            },
            "status": { "qosClass": value["status"]["qosClass"] },
        });
        Self { kind, amounts, scoped }
    }
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default)]
struct QuotaStatus {
    hard: BTreeMap<String, String>,
    used: BTreeMap<String, String>,
}

impl Quotas {
    pub fn new(tools: &Tools) -> Self {
        let registry = Registry::built_in();
        let kinds = registry.all().filter(|kind| kind.is_namespaced() && kind.plural() != "events");
        let by_collection: BTreeMap<Arc<str>, &KindRef> = kinds.map(|kind| (kind.collection.clone(), kind)).collect();
        Self {
            client: tools.client.clone(),
            quotas: tools.informers.typed::<ResourceQuota>(),
            kind: registry.of::<ResourceQuota>().clone(),
            counted: by_collection.into_values().map(|kind| tools.informers.of(kind)).collect(),
            declared: Declared::new(tools),
        }
    }

    /// The quotas of the namespace, if what the object takes may have changed.
    fn concerned(&self, delta: &Delta) -> Vec<ObjectKey> {
        let view = self.quotas.view();
        let mut quotas = view.namespace(&delta.key.namespace).peekable();
        if quotas.peek().is_none() {
            return Vec::new();
        }
        if let (Some(old), Some(new)) = (&delta.old, &delta.new)
            && old.project::<Usage>().amounts == new.project::<Usage>().amounts
        {
            return Vec::new();
        }
        quotas.map(|quota| ObjectKey::from(&**quota)).collect()
    }

    fn used(&self, namespace: &str, quota: &Value, hard: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut used: BTreeMap<&str, Quantity> = hard.keys().map(|name| (name.as_str(), zero())).collect();
        for informer in &self.counted {
            for object in informer.view().namespace(namespace) {
                let usage = object.project::<Usage>();
                if usage.kind.as_ref().is_some_and(|kind| quota::covers(quota, kind, &usage.scoped)) {
                    for (name, sum) in &mut used {
                        if let Some(amount) = usage.amounts.get(*name) {
                            *sum = if sum.is_zero() { *amount } else { *sum + *amount };
                        }
                    }
                }
            }
        }
        for (kind, informer) in self.declared.all() {
            // All that counts of what a definition declares is that it is there.
            let one = quota::usage(&kind, &Value::Null);
            let objects = informer.view().namespace(namespace).count();
            for (name, sum) in used.iter_mut().filter(|_| quota::covers(quota, &kind, &Value::Null)) {
                if let Some(amount) = one.get(*name) {
                    *sum = (0..objects).fold(*sum, |sum, _| sum + *amount);
                }
            }
        }
        used.into_iter().map(|(name, amount)| (name.to_owned(), amount.to_string())).collect()
    }

    async fn write(&self, quota: &Object, status: QuotaStatus) -> Result<(), Status> {
        let mut body = quota.value();
        body["status"] = json!({ "hard": status.hard, "used": status.used });
        let options = WriteOptions::default();
        let written = self.client.update(&self.kind, quota.namespace(), quota.name(), "status", body, &options).await?;
        self.quotas.reached(written.revision()).await;
        Ok(())
    }
}

fn zero() -> Quantity {
    Quantity::from_value(0, Format::DecimalSi)
}

impl Reconciler for Quotas {
    type Key = ObjectKey;
    const NAME: &'static str = "quotas";

    fn watches(&self) -> Vec<Watch<Self>> {
        let counted = self.counted.iter().map(|informer| Watch::new(informer, Self::concerned));
        std::iter::once(Watch::new(&self.quotas, |_, delta| vec![delta.key.clone()])).chain(counted).collect()
    }

    fn later(&self) -> LocalBoxStream<'_, Watch<Self>> {
        self.declared.watches(Kind::is_namespaced, Self::concerned)
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let Some(object) = self.quotas.view().get(key).map(|entry| (**entry).clone()) else { return Ok(Outcome::Done) };
        let quota: Quota = object.parse().map_err(Status::internal)?;
        let spec = object.value()["spec"].take();
        let status = QuotaStatus { used: self.used(&key.namespace, &spec, &quota.spec.hard), hard: quota.spec.hard };
        if status != quota.status {
            self.write(&object, status).await?;
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actors::controllers::Controller;
    use crate::actors::controllers::fixtures::{now, world};

    #[test]
    fn a_quota_follows_what_is_made_and_deleted_and_then_is_silent() {
        world(|world| async move {
            let tools = world.tools.clone();
            Controller::start(&world.supervisor, &world.entropy, move || Quotas::new(&tools));
            let hard = json!({ "count/secrets": "5", "pods": "3", "requests.cpu": "2" });
            world.create("resourcequotas", "default", json!({ "metadata": { "name": "q" }, "spec": { "hard": hard } })).await;
            let used = async || world.get("resourcequotas", "default", "q").await.unwrap()["status"]["used"].take();
            assert_eq!(used().await, json!({ "count/secrets": "0", "pods": "0", "requests.cpu": "0" }));
            world.create("secrets", "default", json!({ "metadata": { "name": "s" } })).await;
            let spec = json!({ "containers": [{ "name": "c", "image": "i", "resources": { "requests": { "cpu": "600m" } } }] });
            world.create("pods", "default", json!({ "metadata": { "name": "p" }, "spec": spec })).await;
            assert_eq!(used().await, json!({ "count/secrets": "1", "pods": "1", "requests.cpu": "600m" }));
            let quiet = world.revision();
            world.pass(3600).await;
            assert_eq!(world.revision(), quiet);
            world.delete("secrets", "default", "s", now()).await;
            world.merge("pods", "default", "p", "status", json!({ "status": { "phase": "Succeeded" } })).await;
            assert_eq!(used().await, json!({ "count/secrets": "0", "pods": "0", "requests.cpu": "0" }));
        });
    }
}

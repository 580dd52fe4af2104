//! Storage Object in Use Protection (Kubernetes' page on persistent volumes): a claim that a scheduled pod uses, and a volume that is bound,
//! are not removed from under their users. Admission gives them a finalizer; here it is taken away once nobody uses them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{self, PersistentVolume, PersistentVolumeClaim};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::index::node_name;
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;

const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";

/// What counts of a pod: every change of any pod is looked at, so nothing else is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    volumes: Vec<Volume>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Volume {
    name: String,
    persistent_volume_claim: Option<ClaimSource>,
    ephemeral: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSource {
    claim_name: String,
}

/// The claims of its own namespace that a pod uses: what kubelets see, so only once it is scheduled.
struct Used(BTreeSet<String>);

impl From<&Object> for Used {
    fn from(object: &Object) -> Self {
        if node_name(object).is_empty() {
            return Self(BTreeSet::new());
        }
        let Pod { spec } = object.parse().unwrap_or_else(|error| {
            tracing::error!(pod = object.name(), %error, "a stored pod cannot be parsed");
            Pod::default()
        });
        let claims = spec.volumes.into_iter().filter_map(|volume| match (volume.persistent_volume_claim, volume.ephemeral) {
            (Some(source), _) => Some(source.claim_name),
            // Such a claim is named after its pod and the volume (Ephemeral Volumes).
            (None, Some(_)) => Some(format!("{}-{}", object.name(), volume.name)),
            (None, None) => None,
        });
        Self(claims.collect())
    }
}

/// Lets claims go that no pod uses any more.
pub struct ClaimProtection {
    client: ClientRef,
    claims: InformerHandle,
    pods: InformerHandle,
    kind: KindRef,
}

impl ClaimProtection {
    pub fn new(tools: &Tools) -> Self {
        Self {
            client: tools.client.clone(),
            claims: tools.informers.typed::<PersistentVolumeClaim>(),
            pods: tools.informers.typed::<v1::Pod>(),
            kind: Registry::built_in().of::<PersistentVolumeClaim>().clone(),
        }
    }

    fn is_used(&self, claim: &ObjectKey) -> bool {
        self.pods.view().namespace(&claim.namespace).any(|pod| pod.project::<Used>().0.contains(&*claim.name))
    }
}

/// The claims that a pod uses or used.
fn claims_of(delta: &Delta) -> Vec<ObjectKey> {
    let states = [&delta.old, &delta.new].into_iter().flatten();
    let names: BTreeSet<String> = states.flat_map(|pod| pod.project::<Used>().0.clone()).collect();
    names.into_iter().map(|name| ObjectKey::new(delta.key.namespace.clone(), name)).collect()
}

impl Reconciler for ClaimProtection {
    type Key = ObjectKey;
    const NAME: &'static str = "claim protection";

    fn watches(&self) -> Vec<Watch<Self>> {
        let claims = Watch::new(&self.claims, |_, delta| vec![delta.key.clone()]);
        vec![claims, Watch::new(&self.pods, |_, delta| claims_of(delta))]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.claims.view();
        match view.get(key) {
            Some(claim) if is_held(claim, CLAIM_FINALIZER) && !self.is_used(key) => {
                release(&self.client, &self.kind, claim, CLAIM_FINALIZER).await
            }
            _ => Ok(Outcome::Done),
        }
    }
}

/// Lets volumes go that are not bound.
pub struct VolumeProtection {
    client: ClientRef,
    volumes: InformerHandle,
    kind: KindRef,
}

impl VolumeProtection {
    pub fn new(tools: &Tools) -> Self {
        let kind = Registry::built_in().of::<PersistentVolume>().clone();
        Self { client: tools.client.clone(), volumes: tools.informers.typed::<PersistentVolume>(), kind }
    }
}

impl Reconciler for VolumeProtection {
    type Key = ObjectKey;
    const NAME: &'static str = "volume protection";

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.volumes, |_, delta| vec![delta.key.clone()])]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.volumes.view();
        match view.get(key) {
            Some(volume) if is_held(volume, VOLUME_FINALIZER) && volume.value()["status"]["phase"] != "Bound" => {
                release(&self.client, &self.kind, volume, VOLUME_FINALIZER).await
            }
            _ => Ok(Outcome::Done),
        }
    }
}

/// Its deletion was asked for, and waits for this finalizer.
fn is_held(object: &Object, finalizer: &str) -> bool {
    object.meta().deletion_timestamp.is_some() && object.meta().finalizers.iter().any(|name| name == finalizer)
}

async fn release(client: &ClientRef, kind: &KindRef, object: &Object, finalizer: &str) -> Result<Outcome, Status> {
    let mut body = object.value();
    if let Some(finalizers) = body["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|name| name != finalizer);
    }
    match client.update(kind, object.namespace(), object.name(), "", body, &WriteOptions::default()).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(Outcome::Done),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::actors::controllers::fixtures::{now, world};
    use crate::actors::controllers::{Options, start};

    #[test]
    fn a_claim_in_use_stays_until_its_pod_is_gone() {
        world(|world| async move {
            start(&world.supervisor, &world.tools, &world.entropy, &Options::new("PEM"));
            let resources = json!({ "requests": { "storage": "1Gi" } });
            let claim = json!({ "metadata": { "name": "c" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": resources } });
            world.create("persistentvolumeclaims", "default", claim).await;
            let volume = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "c" } });
            let spec = json!({ "nodeName": "n", "volumes": [volume], "containers": [{ "name": "c", "image": "i" }] });
            world.create("pods", "default", json!({ "metadata": { "name": "p" }, "spec": spec })).await;
            world.pass(1).await;
            world.delete("persistentvolumeclaims", "default", "c", now()).await;
            let held = world.get("persistentvolumeclaims", "default", "c").await.unwrap();
            assert_eq!(held["metadata"]["finalizers"], json!([super::CLAIM_FINALIZER]));
            world.delete("pods", "default", "p", now()).await;
            assert!(world.get("persistentvolumeclaims", "default", "c").await.unwrap_err().is_not_found());
        });
    }

    #[test]
    fn a_bound_volume_stays_until_it_is_bound_no_more() {
        world(|world| async move {
            start(&world.supervisor, &world.tools, &world.entropy, &Options::new("PEM"));
            let resources = json!({ "requests": { "storage": "1Gi" } });
            let claim = json!({ "accessModes": ["ReadWriteOnce"], "resources": resources, "volumeName": "bound" });
            world.create("persistentvolumeclaims", "default", json!({ "metadata": { "name": "c" }, "spec": claim })).await;
            for name in ["bound", "free"] {
                let spec = json!({ "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/x" } });
                world.create("persistentvolumes", "", json!({ "metadata": { "name": name }, "spec": spec })).await;
                world.pass(1).await;
                world.delete("persistentvolumes", "", name, now()).await;
            }
            assert!(world.get("persistentvolumes", "", "free").await.unwrap_err().is_not_found());
            assert!(world.get("persistentvolumes", "", "bound").await.is_ok());
            world.delete("persistentvolumeclaims", "default", "c", now()).await;
            assert!(world.get("persistentvolumes", "", "bound").await.unwrap_err().is_not_found());
        });
    }
}

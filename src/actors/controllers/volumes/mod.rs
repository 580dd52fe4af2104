//! Binds claims to volumes (Kubernetes' page on persistent volumes): a claim gets the smallest volume that suits it, both say so, and when the claim
//! is gone its volume is released. Volumes are made by administrators; nobody provisions them here.
//!
//! A binding is two writes, the volume's first: it is the volume that can be had only once. A binding that is cut short goes on from
//! what was written.

mod decision;
mod matching;
#[cfg(test)]
mod tests;
mod views;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::Value;

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::events::{About, Recorder};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey, index};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::store::Stored;
use decision::{ClaimStep, Remark, VolumeStep};
use matching::best;
use views::{Claim, Volume};

/// A claim or a volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Volume(ObjectKey),
    Claim(ObjectKey),
}

/// The objects of one kind, to read and to write.
struct Half {
    informer: InformerHandle,
    kind: KindRef,
}

/// Reconciles one claim or volume at a time.
pub struct VolumeBinder {
    client: ClientRef,
    events: Recorder,
    claims: Half,
    volumes: Half,
}

impl VolumeBinder {
    pub fn new(tools: &Tools, events: Recorder) -> Self {
        let registry = Registry::built_in();
        let half = |informer, kind: &KindRef| Half { informer, kind: kind.clone() };
        Self {
            client: tools.client.clone(),
            events,
            claims: half(tools.informers.typed::<PersistentVolumeClaim>(), registry.of::<PersistentVolumeClaim>()),
            volumes: half(tools.informers.typed::<PersistentVolume>(), registry.of::<PersistentVolume>()),
        }
    }

    /// Writes, and waits until the informer shows it: the next decision must know of this one.
    async fn write(&self, half: &Half, object: &Object, subresource: &str, body: Option<Value>) -> Result<Object, Status> {
        let Some(body) = body else { return Ok(object.clone()) };
        let options = WriteOptions::default();
        let written = self.client.update(&half.kind, object.namespace(), object.name(), subresource, body, &options).await?;
        half.informer.reached(written.revision()).await;
        Ok(written)
    }

    fn say(&self, half: &Half, object: &Object, remark: Remark) {
        self.events.acted(About::object(&half.kind, object), remark.severity, remark.reason, "", remark.message);
    }

    async fn claim(&self, key: &ObjectKey) -> Result<(), Status> {
        let view = self.claims.informer.view();
        let Some(claim) = view.get(key).map(|entry| entry.project::<Claim>()) else { return Ok(()) };
        let named = self.volumes.informer.view().get(&ObjectKey::new("", claim.volume.as_str())).map(|entry| entry.project::<Volume>());
        match decision::claim(&claim, named.as_ref(), &self.offered(&claim)) {
            ClaimStep::Bind(volume) => self.bind(&volume, &claim).await,
            ClaimStep::Wait(remark) => {
                if let Some(remark) = remark {
                    self.say(&self.claims, &claim.object, remark);
                }
                self.write(&self.claims, &claim.object, "status", writes::bare_status(&claim.object, "Pending")).await.map(drop)
            }
            ClaimStep::Lose(remark) => {
                let body = writes::bare_status(&claim.object, "Lost");
                if body.is_some() {
                    self.write(&self.claims, &claim.object, "status", body).await?;
                    self.say(&self.claims, &claim.object, remark);
                }
                Ok(())
            }
        }
    }

    /// The volumes of a claim's class and those that are kept for it, by name.
    fn offered(&self, claim: &Claim) -> Vec<Arc<Volume>> {
        if claim.completed || !claim.volume.is_empty() {
            return Vec::new();
        }
        let view = self.volumes.informer.view();
        let found = view.indexed(&index::CLASS, &claim.class).chain(view.indexed(&index::CLAIM, &claim.key.to_string()));
        let by_name: BTreeMap<&str, Arc<Volume>> = found.map(|entry| (entry.name(), entry.project::<Volume>())).collect();
        by_name.into_values().collect()
    }

    async fn bind(&self, volume: &Volume, claim: &Claim) -> Result<(), Status> {
        let kept = self.write(&self.volumes, &volume.object, "", writes::reserved(volume, claim)).await?;
        self.write(&self.volumes, &kept, "status", writes::phase(&kept, "Bound", "")).await?;
        let bound = self.write(&self.claims, &claim.object, "", writes::bound(claim, &volume.name)).await?;
        self.write(&self.claims, &bound, "status", writes::bound_status(&bound, &kept.value())).await.map(drop)
    }

    async fn volume(&self, key: &ObjectKey) -> Result<(), Status> {
        let view = self.volumes.informer.view();
        let Some(volume) = view.get(key).map(|entry| entry.project::<Volume>()) else { return Ok(()) };
        let claim = self.claim_of(&volume).await?;
        match decision::volume(&volume, claim.as_deref()) {
            VolumeStep::Leave => Ok(()),
            VolumeStep::Phase(phase) => {
                self.write(&self.volumes, &volume.object, "status", writes::phase(&volume.object, phase, "")).await.map(drop)
            }
            VolumeStep::Unbind => {
                let unbound = self.write(&self.volumes, &volume.object, "", Some(writes::unbound(&volume))).await?;
                self.write(&self.volumes, &unbound, "status", writes::phase(&unbound, "Available", "")).await.map(drop)
            }
            VolumeStep::Release => self.release(&volume).await,
        }
    }

    /// The very claim that a volume is bound to. Whether it is gone is asked of the API itself: the informer may not have it yet.
    async fn claim_of(&self, volume: &Volume) -> Result<Option<Arc<Claim>>, Status> {
        let Some(reserved) = volume.claim.as_ref().filter(|reserved| !reserved.uid.is_empty()) else { return Ok(None) };
        let known = self.claims.informer.view().get(&reserved.key).map(|entry| entry.project::<Claim>());
        if let Some(claim) = known.filter(|claim| claim.uid == reserved.uid) {
            return Ok(Some(claim));
        }
        match self.client.get(&self.claims.kind, &reserved.key.namespace, &reserved.key.name).await {
            Ok(claim) => Ok(Some(Claim::from(&claim)).filter(|claim| claim.uid == reserved.uid).map(Arc::new)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A volume that failed to be reclaimed stays so, for everybody to see.
    async fn release(&self, volume: &Volume) -> Result<(), Status> {
        if volume.phase == "Failed" {
            return Ok(());
        }
        let released = self.write(&self.volumes, &volume.object, "status", writes::phase(&volume.object, "Released", "")).await?;
        if let Some(remark) = decision::reclaim(volume) {
            self.write(&self.volumes, &released, "status", writes::phase(&released, "Failed", &remark.message)).await?;
            self.say(&self.volumes, &released, remark);
        }
        Ok(())
    }

    /// The claim itself, and the volumes that are its or that it names.
    fn after_claim(&self, delta: &Delta) -> Vec<Key> {
        let mut keys = vec![Key::Claim(delta.key.clone())];
        let view = self.volumes.informer.view();
        keys.extend(view.indexed(&index::CLAIM, &delta.key.to_string()).map(|entry| Key::Volume(ObjectKey::from(&**entry))));
        keys
    }

    /// The volume itself, the claims that it is or was kept for, and those that it suits if it is free.
    fn after_volume(&self, delta: &Delta) -> Vec<Key> {
        let mut keys = vec![Key::Volume(delta.key.clone())];
        let [old, new] = [&delta.old, &delta.new].map(|state| state.as_ref().map(|entry| entry.project::<Volume>()));
        let kept_for = [&old, &new].into_iter().flatten().filter_map(|volume| volume.claim.as_ref());
        keys.extend(kept_for.map(|reserved| Key::Claim(reserved.key.clone())));
        if let Some(volume) = new.filter(|volume| volume.is_free()) {
            let suits = |claim: &Claim| claim.volume == volume.name || best(claim, std::slice::from_ref(&volume)).is_some();
            let view = self.claims.informer.view();
            let claims = view.indexed(&index::CLASS, &volume.class).map(|entry| entry.project::<Claim>());
            keys.extend(claims.filter(|claim| !claim.completed && suits(claim)).map(|claim| Key::Claim(claim.key.clone())));
        }
        keys
    }
}

impl Reconciler for VolumeBinder {
    type Key = Key;
    const NAME: &'static str = "volume binder";
    /// Two claims must not choose at once.
    const WORKERS: usize = 1;

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.volumes.informer, Self::after_volume), Watch::new(&self.claims.informer, Self::after_claim)]
    }

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Status> {
        match key {
            Key::Claim(key) => self.claim(key).await?,
            Key::Volume(key) => self.volume(key).await?,
        }
        Ok(Outcome::Done)
    }
}

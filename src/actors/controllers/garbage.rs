//! The garbage collector: what nobody owns any more is deleted; what waits for its dependents is let go once they are gone or orphaned
//! (the Garbage Collection concept page).

mod decision;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::LocalBoxStream;
use serde_json::json;

use super::declared::Declared;
use super::ownership::{change_metadata, owner_references};
use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, DeleteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::{Object, OwnerReference};
use crate::api::status::Status;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::Stored;
use decision::{Dependent, FOREGROUND, ORPHAN, Op, Owner};

/// An object of any kind: its collection and its key.
type Item = (Arc<str>, ObjectKey);

/// Reconciles one object at a time.
pub struct Garbage {
    client: ClientRef,
    /// All kinds that are stored, events apart, by collection.
    kinds: BTreeMap<Arc<str>, (KindRef, InformerHandle)>,
    declared: Declared,
}

impl Garbage {
    pub fn new(tools: &Tools) -> Self {
        let mut kinds = BTreeMap::new();
        for kind in Registry::built_in().all().filter(|kind| kind.plural() != "events" && kind.synthesis.is_none()) {
            kinds.entry(kind.collection.clone()).or_insert_with(|| (kind.clone(), tools.informers.of(kind)));
        }
        Self { client: tools.client.clone(), kinds, declared: Declared::new(tools) }
    }

    /// The object itself if there may be something to do about it, its owners if they wait for it, its dependents if they may have to go.
    fn concerned(&self, delta: &Delta) -> Vec<Item> {
        let object = delta.object();
        let Some(collection) = self.collection_of(object) else { return Vec::new() };
        let meta = object.meta();
        let mut items = Vec::new();
        if delta.new.is_some() && (!meta.owner_references.is_empty() || meta.deletion_timestamp.is_some()) {
            items.push((collection, delta.key.clone()));
        }
        for owner in delta.old.iter().chain(&delta.new).flat_map(|object| &object.meta().owner_references) {
            if let Some((item, owner)) = self.known_owner(object, owner)
                && owner.meta().deletion_timestamp.is_some()
            {
                items.push(item);
            }
        }
        // Who missed a deletion sees another object under the same name.
        let gone = delta.old.as_ref().filter(|old| delta.new.as_ref().is_none_or(|new| new.uid() != old.uid()));
        let gone = gone.filter(|_| !planted(Flaw::LeavesDependents));
        for owner in gone.map(|gone| &***gone).into_iter().chain(meta.deletion_timestamp.is_some().then_some(object)) {
            items.extend(self.dependents(owner.uid()).into_iter().map(|(collection, object)| (collection, ObjectKey::from(&object))));
        }
        items
    }

    fn collection_of(&self, object: &Object) -> Option<Arc<str>> {
        let (api_version, kind) = object.type_meta();
        Some(self.kind(api_version, kind)?.collection.clone())
    }

    /// A kind by the names that objects use.
    fn kind(&self, api_version: &str, kind: &str) -> Option<KindRef> {
        Registry::built_in().kind(api_version, kind).cloned().or_else(|| self.declared.kind(api_version, kind))
    }

    fn informer(&self, collection: &str) -> Option<(KindRef, InformerHandle)> {
        self.kinds.get(collection).cloned().or_else(|| self.declared.informer(collection))
    }

    /// An owner as the informers show it.
    fn known_owner(&self, dependent: &Object, owner: &OwnerReference) -> Option<(Item, Object)> {
        let kind = self.kind(&owner.api_version, &owner.kind)?;
        let (_, informer) = self.informer(&kind.collection)?;
        let key = ObjectKey::new(if kind.is_namespaced() { dependent.namespace() } else { "" }, owner.name.as_str());
        let view = informer.view();
        let found = view.get(&key).filter(|object| object.uid() == owner.uid)?;
        Some(((kind.collection.clone(), key), (**found).clone()))
    }

    fn dependents(&self, uid: &str) -> Vec<(Arc<str>, Object)> {
        let mut dependents = Vec::new();
        let declared = self.declared.all();
        for (kind, informer) in self.kinds.values().chain(&declared) {
            dependents.extend(informer.view().by_owner(uid).map(|entry| (kind.collection.clone(), (**entry).clone())));
        }
        dependents
    }

    /// What is known of an owner. An informer that does not show it may be behind: so ask before it counts as gone.
    async fn owner(&self, dependent: &Object, owner: &OwnerReference) -> Result<Owner, Status> {
        if let Some((_, object)) = self.known_owner(dependent, owner) {
            return Ok(Owner::of(&object));
        }
        let Some(kind) = self.kind(&owner.api_version, &owner.kind) else { return Ok(Owner::Solid) };
        if kind.is_namespaced() && dependent.namespace().is_empty() {
            // Such a reference is not valid, and says nothing about who is gone.
            return Ok(Owner::Solid);
        }
        let namespace = if kind.is_namespaced() { dependent.namespace() } else { "" };
        match self.client.get(&kind, namespace, &owner.name).await {
            Ok(object) if object.uid() == owner.uid => Ok(Owner::of(&object)),
            Ok(_) => Ok(Owner::Gone),
            Err(error) if error.is_not_found() => Ok(Owner::Gone),
            Err(error) => Err(error),
        }
    }

    async fn apply(&self, kind: &KindRef, object: &Object, op: Op) -> Result<(), Status> {
        match op {
            Op::Orphan(dependents) => {
                for (collection, dependent) in dependents {
                    if let Some((kind, _)) = self.informer(&collection) {
                        self.disown(&kind, &dependent, &[object.uid()]).await?;
                    }
                }
            }
            Op::DropFinalizer(finalizer) => {
                let left: Vec<&String> = object.meta().finalizers.iter().filter(|name| *name != finalizer).collect();
                change_metadata(&self.client, kind, object, "finalizers", json!(left)).await?;
            }
            Op::Disown(uids) => {
                self.disown(kind, object, &uids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            }
            Op::Unblock => {
                let mut owners = owner_references(object);
                owners.iter_mut().for_each(|owner| owner["blockOwnerDeletion"] = false.into());
                change_metadata(&self.client, kind, object, "ownerReferences", json!(owners)).await?;
            }
            Op::Delete(propagation) => {
                let options = DeleteOptions {
                    propagation: Some(propagation),
                    uid: Some(object.uid().to_owned()),
                    resource_version: Some(object.revision().to_string()),
                    ..DeleteOptions::default()
                };
                match self.client.delete(kind, object.namespace(), object.name(), &options).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn disown(&self, kind: &KindRef, object: &Object, uids: &[&str]) -> Result<(), Status> {
        let mut owners = owner_references(object);
        owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == *uid));
        change_metadata(&self.client, kind, object, "ownerReferences", json!(owners)).await.map(|_| ())
    }
}

impl Reconciler for Garbage {
    type Key = Item;
    const NAME: &'static str = "garbage";
    const WORKERS: usize = 20;

    fn watches(&self) -> Vec<Watch<Self>> {
        self.kinds.values().map(|(_, informer)| Watch::new(informer, Self::concerned)).collect()
    }

    fn later(&self) -> LocalBoxStream<'_, Watch<Self>> {
        self.declared.watches(|_| true, Self::concerned)
    }

    async fn reconcile(&self, (collection, key): &Item) -> Result<Outcome, Status> {
        let Some((kind, informer)) = self.informer(collection) else { return Ok(Outcome::Done) };
        let Some(object) = informer.view().get(key).map(|entry| (**entry).clone()) else { return Ok(Outcome::Done) };
        let meta = object.meta();
        let ops = if meta.deletion_timestamp.is_some() {
            if !meta.finalizers.iter().any(|name| name == ORPHAN || name == FOREGROUND) {
                return Ok(Outcome::Done);
            }
            decision::release(&object, self.dependents(object.uid()))
        } else {
            let mut owners = Vec::new();
            for owner in &meta.owner_references {
                owners.push((owner, self.owner(&object, owner).await?));
            }
            let dependents: Vec<Dependent> = self.dependents(object.uid());
            decision::collect(&object, &owners, &dependents)
        };
        for op in ops {
            self.apply(&kind, &object, op).await?;
        }
        Ok(Outcome::Done)
    }
}

//! The kinds that definitions declare, for the controllers that look after objects of every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, LocalBoxStream, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use parking_lot::Mutex;

use super::{Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, Informers};
use crate::api::custom;
use crate::api::kinds::{Kind, KindRef};

/// Follows the definitions: each kind of theirs has an informer as long as it is there.
pub struct Declared {
    informers: Informers,
    definitions: InformerHandle,
    /// By the name of the definition, with the informer of its objects if there is any need for one.
    kinds: Mutex<BTreeMap<Arc<str>, (KindRef, InformerHandle)>>,
}

impl Declared {
    pub fn new(tools: &Tools) -> Self {
        Self {
            informers: tools.informers.clone(),
            definitions: tools.informers.typed::<CustomResourceDefinition>(),
            kinds: Mutex::default(),
        }
    }

    /// The kinds of now, with their informers.
    pub fn all(&self) -> Vec<(KindRef, InformerHandle)> {
        self.kinds.lock().values().cloned().collect()
    }

    /// The kind that an object of a definition says that it is.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<KindRef> {
        let group = api_version.split_once('/')?.0;
        let kinds = self.kinds.lock();
        kinds.values().map(|(known, _)| known).find(|known| known.group() == group && known.kind() == kind).cloned()
    }

    /// The informer of a collection.
    pub fn informer(&self, collection: &str) -> Option<(KindRef, InformerHandle)> {
        self.kinds.lock().values().find(|(kind, _)| &*kind.collection == collection).cloned()
    }

    /// A watch for each kind that comes to be there. What goes loses its informer.
    pub fn watches<'a, R: Reconciler>(
        &'a self,
        is_wanted: impl Fn(&Kind) -> bool + 'a,
        keys: fn(&R, &Delta) -> Vec<R::Key>,
    ) -> LocalBoxStream<'a, Watch<R>> {
        let watches = self.definitions.subscribe().then(move |deltas| {
            let (mut watches, mut gone) = (Vec::new(), Vec::new());
            for delta in deltas {
                let now = delta.new.as_ref().and_then(|definition| custom::stored(definition)).filter(|kind| is_wanted(kind));
                match now {
                    Some(kind) => watches.extend(self.add(&delta.key.name, KindRef::new(kind)).map(|informer| Watch::new(&informer, keys))),
                    None => gone.extend(self.kinds.lock().remove(&delta.key.name)),
                }
            }
            async move {
                for (kind, _) in gone {
                    self.informers.forget(&kind).await;
                }
                stream::iter(watches)
            }
        });
        watches.flatten().boxed_local()
    }

    /// The informer, if the kind is new.
    fn add(&self, definition: &Arc<str>, kind: KindRef) -> Option<InformerHandle> {
        let mut kinds = self.kinds.lock();
        if let Some((known, _)) = kinds.get_mut(definition) {
            *known = kind;
            return None;
        }
        let informer = self.informers.of(&kind);
        kinds.insert(definition.clone(), (kind, informer.clone()));
        Some(informer)
    }
}

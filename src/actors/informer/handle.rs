//! What everybody but the informer itself holds of it.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::subscription::Inbox;
use super::{Delta, Index, Subscription, View};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::Revision;
use crate::runtime::watch;

/// Reads and follows an informer, from any thread. Cloned handles share it.
#[derive(Clone)]
pub struct InformerHandle(Arc<Shared>);

/// What the informer publishes. It outlives the actor.
pub(super) struct Shared {
    view: ArcSwap<View>,
    /// Locked while a view is published or a subscriber joins, so that each delta reaches each subscriber exactly once.
    subscribers: Mutex<Vec<Weak<Inbox>>>,
    /// Up to where the view goes, once there is one.
    place: watch::Sender<Option<Revision>>,
}

impl InformerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// What is known now: one moment, for as long as the caller keeps it. Costs next to nothing.
    pub fn view(&self) -> Arc<View> {
        self.0.view()
    }

    /// Follows the view from its present state on, which comes first.
    pub fn subscribe(&self) -> Subscription {
        let (subscription, inbox) = Subscription::new();
        let mut subscribers = self.0.subscribers.lock();
        if let Some(inbox) = inbox.upgrade() {
            let view = self.view();
            inbox.push(view.entries().map(|(key, entry)| Delta { key: key.clone(), old: None, new: Some(entry.clone()) }));
        }
        subscribers.push(inbox);
        subscription
    }

    /// The first list has arrived.
    pub fn has_synced(&self) -> bool {
        self.0.place.borrow().is_some()
    }

    /// Resolves once the first list has arrived.
    pub async fn synced(&self) {
        if !planted(Flaw::ActsBeforeItKnows) {
            self.reached(Revision(0)).await;
        }
    }

    /// Resolves once the view has come to a revision. Who waits here for what it wrote itself never decides on a view that lacks it
    /// (what KEP-5647 does for upstream's controllers, and what expectations did before).
    pub async fn reached(&self, revision: Revision) {
        let mut place = self.0.place.subscribe();
        place.wait_for(|place| *place >= Some(revision)).await.expect("the sender lives as long as this handle");
    }
}

impl Shared {
    pub(super) fn new(indexes: &[Index]) -> Self {
        Self { view: ArcSwap::from_pointee(View::empty(indexes)), subscribers: Mutex::new(Vec::new()), place: watch::Sender::new(None) }
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Shows a view, and tells every subscriber what is new in it.
    pub(super) fn publish(&self, view: View, deltas: Vec<Delta>) {
        let mut subscribers = self.subscribers.lock();
        let revision = view.revision();
        self.view.store(Arc::new(view));
        subscribers.retain(|inbox| {
            let Some(inbox) = inbox.upgrade() else { return false };
            if !deltas.is_empty() {
                inbox.push(deltas.iter().cloned());
            }
            true
        });
        drop(subscribers);
        self.place.send_replace(Some(revision));
    }
}

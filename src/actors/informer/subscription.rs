//! A subscriber's end of an informer: changes wait here, at most one a key.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::Stream;
use futures::task::AtomicWaker;
use indexmap::IndexMap;
use parking_lot::Mutex;

use super::{Entry, ObjectKey};
use crate::api::object::Object;

/// A key whose object changed since the subscriber last looked. What happened in between is left out: a slow subscriber gets fewer
/// deltas, never stale ones. `old` and `new` may be different objects of one name: compare uids where it matters.
#[derive(Clone, Debug)]
pub struct Delta {
    pub key: ObjectKey,
    /// As the subscriber last saw it; `None` if it had not.
    pub old: Option<Arc<Entry>>,
    /// As it stands now; `None` if it is gone.
    pub new: Option<Arc<Entry>>,
}

impl Delta {
    /// The object as it is, or as it was last.
    pub fn object(&self) -> &Object {
        self.new.as_deref().or(self.old.as_deref()).expect("a delta has an object before or after")
    }
}

/// A stream of batches of deltas, never empty, in the order in which their keys first changed. It begins with all that is there and
/// never ends. Its memory is bounded by the number of distinct keys.
pub struct Subscription(Arc<Inbox>);

/// What has not been fetched yet.
#[derive(Default)]
pub(super) struct Inbox {
    pending: Mutex<IndexMap<ObjectKey, Delta>>,
    waker: AtomicWaker,
}

impl Subscription {
    pub(super) fn new() -> (Self, Weak<Inbox>) {
        let inbox = Arc::new(Inbox::default());
        let weak = Arc::downgrade(&inbox);
        (Self(inbox), weak)
    }

    /// What has changed since the last call; empty if nothing has.
    pub fn ready(&mut self) -> Vec<Delta> {
        let pending = std::mem::take(&mut *self.0.pending.lock());
        pending.into_values().filter(|delta| delta.old.is_some() || delta.new.is_some()).collect()
    }
}

impl Inbox {
    pub(super) fn push(&self, deltas: impl IntoIterator<Item = Delta>) {
        {
            let mut pending = self.pending.lock();
            for delta in deltas {
                match pending.entry(delta.key.clone()) {
                    indexmap::map::Entry::Occupied(mut waiting) => waiting.get_mut().new = delta.new,
                    indexmap::map::Entry::Vacant(vacant) => _ = vacant.insert(delta),
                }
            }
        }
        self.waker.wake();
    }
}

impl Stream for Subscription {
    type Item = Vec<Delta>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<Delta>>> {
        self.0.waker.register(context.waker());
        match self.ready() {
            deltas if deltas.is_empty() => Poll::Pending,
            deltas => Poll::Ready(Some(deltas)),
        }
    }
}

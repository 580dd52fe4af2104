//! A value that others wait for: the newest counts, what came between may go unseen.
//!
//! As tokio's channel of that name, save that those who wait are woken in the order in which they began to: tokio's spreads them over
//! eight lists by chance that no seed governs, so that no run would be like another.

use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;

/// All senders have gone, so the value stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all senders have gone")]
pub struct Closed;

/// Changes the value. Clones share it.
pub struct Sender<T>(Arc<Shared<T>>);

/// Waits for changes of the value. A clone has seen what its original has.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

struct Shared<T> {
    value: RwLock<T>,
    /// Counts the changes; moves only while `value` is locked for writing.
    version: AtomicU64,
    senders: AtomicUsize,
    news: Notify,
}

/// A value with one sender, and a receiver that has seen it.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    pub fn new(value: T) -> Self {
        let (version, senders) = (AtomicU64::new(0), AtomicUsize::new(1));
        Self(Arc::new(Shared { value: RwLock::new(value), version, senders, news: Notify::new() }))
    }

    /// Replaces the value, wakes all who wait, and gives back what was there.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|current| std::mem::swap(current, &mut value));
        value
    }

    /// Changes the value, and wakes all who wait.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// Changes the value, and wakes all who wait if `change` says that it did. True if so.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.0.value.write();
        let changed = change(&mut value);
        if changed {
            self.0.version.fetch_add(1, Ordering::Release);
        }
        drop(value);
        if changed {
            self.0.news.notify_waiters();
        }
        changed
    }

    /// The value now. Nobody can change it while the answer is held.
    pub fn borrow(&self) -> impl Deref<Target = T> + '_ {
        self.0.value.read()
    }

    /// A receiver that has seen the value as it is now.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver { shared: self.0.clone(), seen: self.0.version.load(Ordering::Acquire) }
    }

    /// Both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.news.notify_waiters();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T> Receiver<T> {
    /// The value now. Nobody can change it while the answer is held.
    pub fn borrow(&self) -> impl Deref<Target = T> + '_ {
        self.shared.value.read()
    }

    /// The value now, which then counts as seen.
    pub fn borrow_and_update(&mut self) -> impl Deref<Target = T> + '_ {
        let value = self.shared.value.read();
        self.seen = self.shared.version.load(Ordering::Acquire);
        value
    }

    /// There is a value that this receiver has not seen.
    pub fn has_changed(&self) -> bool {
        self.shared.version.load(Ordering::Acquire) != self.seen
    }

    /// The value as it is now counts as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version.load(Ordering::Acquire);
    }

    /// Resolves once there is a value that this receiver has not seen; then it has. Cancel safe.
    ///
    /// # Errors
    /// All senders have gone, and their last value has been seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            let mut news = pin!(self.shared.news.notified());
            news.as_mut().enable();
            let version = self.shared.version.load(Ordering::Acquire);
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if self.shared.senders.load(Ordering::Acquire) == 0 {
                return Err(Closed);
            }
            news.await;
        }
    }

    /// Resolves once the value is as wanted, with what it is then. Cancel safe.
    ///
    /// # Errors
    /// All senders have gone, and their last value is not as wanted.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<T, Closed>
    where
        T: Clone,
    {
        loop {
            let found = Some(self.borrow_and_update()).filter(|value| wanted(value)).map(|value| value.clone());
            match found {
                Some(value) => return Ok(value),
                None => self.changed().await?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_in_the_order_of_waiting() {
        let sender = Sender::new(0);
        let woken = RefCell::new(Vec::new());
        let waits = (0..50).map(|number| {
            let (mut receiver, woken) = (sender.subscribe(), &woken);
            async move {
                receiver.changed().await.unwrap();
                woken.borrow_mut().push(number);
            }
        });
        let mut all = Box::pin(join_all(waits));
        assert!(all.as_mut().now_or_never().is_none());
        sender.send_replace(1);
        all.await;
        assert_eq!(woken.into_inner(), (0..50).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_change_is_seen_once_and_the_newest_value_counts() {
        let (sender, mut receiver) = channel(1);
        assert!(receiver.changed().now_or_never().is_none());
        assert_eq!(sender.send_replace(2), 1);
        sender.send_modify(|value| *value += 1);
        assert!(!sender.send_if_modified(|_| false));
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow(), 3);
        assert!(receiver.changed().now_or_never().is_none());
        assert_eq!(receiver.wait_for(|value| *value == 3).await, Ok(3));
    }

    #[tokio::test]
    async fn the_last_value_is_still_seen_when_the_senders_have_gone() {
        let (sender, mut receiver) = channel(1);
        let second = sender.clone();
        drop(sender);
        assert!(receiver.changed().now_or_never().is_none());
        second.send_replace(2);
        drop(second);
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(receiver.changed().await, Err(Closed));
        assert_eq!(receiver.wait_for(|value| *value == 2).await, Ok(2));
        assert_eq!(receiver.wait_for(|value| *value == 9).await, Err(Closed));
    }
}

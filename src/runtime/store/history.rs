//! The store's memory of its changes, bounded by count, bytes and age, shared by all who read it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::{Change, Event, PlaceError, Revision, Stored};
use crate::runtime::clock::{self, Instant};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::watch;

/// How much history is kept. What exceeds any of the three is forgotten, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub events: usize,
    pub bytes: usize,
    pub age: Duration,
}

impl Default for Bounds {
    /// Upstream's etcd compaction keeps five minutes; the counts bound memory when writes are many.
    fn default() -> Self {
        Self { events: 200_000, bytes: 256 << 20, age: Duration::from_secs(300) }
    }
}

/// How much history is kept now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    pub events: usize,
    pub bytes: usize,
    /// How long ago the oldest change was made.
    pub age: Duration,
    pub bounds: Bounds,
}

/// Every change of the recent past. Clones are handles on the same history.
pub struct History<T> {
    shared: Arc<RwLock<State<T>>>,
}

impl<T> Clone for History<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct State<T> {
    bounds: Bounds,
    head: Revision,
    /// All changes after this revision are here.
    oldest: Revision,
    bytes: usize,
    log: VecDeque<(Instant, Arc<Event<T>>)>,
    collections: BTreeMap<Arc<str>, Collection<T>>,
}

struct Collection<T> {
    events: VecDeque<Arc<Event<T>>>,
    /// All changes of this collection after this revision are here. Where others are written and this one is quiet, that is longer ago
    /// than for all together.
    forgotten: Revision,
    wake: watch::Sender<Revision>,
}

impl<T> Collection<T> {
    fn new() -> Self {
        Self { events: VecDeque::new(), forgotten: Revision(0), wake: watch::Sender::new(Revision(0)) }
    }
}

impl<T: Stored> History<T> {
    /// A history that begins at `head`: what came before is compacted.
    pub fn starting_at(head: Revision, bounds: Bounds) -> Self {
        let state = State { bounds, head, oldest: head, bytes: 0, log: VecDeque::new(), collections: BTreeMap::new() };
        Self { shared: Arc::new(RwLock::new(state)) }
    }

    /// Adds the events of one or more commits, whose newest revision is `head`, and wakes their readers.
    pub fn publish(&self, head: Revision, events: impl IntoIterator<Item = Event<T>>) {
        let now = clock::instant();
        let mut touched: Vec<watch::Sender<Revision>> = Vec::new();
        {
            let mut state = self.shared.write();
            state.head = head;
            for event in events {
                let event = Arc::new(event);
                state.bytes += weight(&event);
                let collection = state.collections.entry(event.key.collection.clone()).or_insert_with(Collection::new);
                collection.events.push_back(event.clone());
                if touched.last().is_none_or(|last| !last.same_channel(&collection.wake)) {
                    touched.push(collection.wake.clone());
                }
                state.log.push_back((now, event));
            }
            state.trim(now);
        }
        for wake in touched {
            wake.send_replace(head);
        }
    }

    /// Forgets every change up to and including `revision`.
    pub fn compact(&self, revision: Revision) {
        let mut state = self.shared.write();
        while state.log.front().is_some_and(|(_, event)| event.revision <= revision) {
            state.forget_oldest();
        }
        state.oldest = state.oldest.max(revision.min(state.head));
    }

    /// The newest revision.
    pub fn head(&self) -> Revision {
        self.shared.read().head
    }

    /// Changes after this revision are complete.
    pub fn oldest(&self) -> Revision {
        self.shared.read().oldest
    }

    /// The revision of the newest change in any of the collections; 0 if there was none since the history began.
    pub fn touched(&self, collections: &[&str]) -> Revision {
        let state = self.shared.read();
        let newest = |name: &&str| state.collections.get(*name).map(|collection| *collection.wake.borrow());
        collections.iter().filter_map(newest).max().unwrap_or(Revision(0))
    }

    /// How much of the past is here.
    pub fn extent(&self) -> Extent {
        let state = self.shared.read();
        let age = state.log.front().map(|(at, _)| at.elapsed()).unwrap_or_default();
        Extent { events: state.log.len(), bytes: state.bytes, age, bounds: state.bounds }
    }

    /// A reader of one collection from after a revision on.
    pub fn events(&self, collection: &str, after: Revision) -> Result<Events<T>, PlaceError> {
        let mut state = self.shared.write();
        state.check(after)?;
        let wake = state.collections.entry(collection.into()).or_insert_with(Collection::new).wake.subscribe();
        Ok(Events { history: self.clone(), collection: collection.into(), after, wake })
    }

    /// Every change after a revision, newest first: what it takes to go back to it.
    pub(super) fn since(&self, after: Revision) -> Result<Vec<Arc<Event<T>>>, PlaceError> {
        let state = self.shared.read();
        state.check(after)?;
        Ok(state.log.iter().rev().map(|(_, event)| event).take_while(|event| event.revision > after).cloned().collect())
    }
}

impl<T: Stored> State<T> {
    fn check(&self, after: Revision) -> Result<(), PlaceError> {
        if after < self.oldest {
            Err(PlaceError::Compacted { oldest: self.oldest })
        } else if after > self.head {
            Err(PlaceError::Future { newest: self.head })
        } else {
            Ok(())
        }
    }

    fn trim(&mut self, now: Instant) {
        while let Some((at, event)) = self.log.front() {
            let over = self.log.len() > self.bounds.events || self.bytes > self.bounds.bytes || now - *at > self.bounds.age;
            // A commit is forgotten whole, and the newest is kept: readers that are up to date never lose their place.
            if !over || event.revision == self.head || planted(Flaw::RemembersAll) {
                break;
            }
            let revision = event.revision;
            while self.log.front().is_some_and(|(_, event)| event.revision == revision) {
                self.forget_oldest();
            }
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, event)) = self.log.pop_front() else { return };
        self.bytes -= weight(&event);
        self.oldest = self.oldest.max(event.revision);
        if let Some(collection) = self.collections.get_mut(&event.key.collection) {
            collection.events.pop_front();
            collection.forgotten = event.revision;
        }
    }
}

fn weight<T: Stored>(event: &Event<T>) -> usize {
    match &event.change {
        Change::Put { value, .. } | Change::Delete { value, .. } => value.bytes().len() + event.key.path.len() + 64,
    }
}

/// A reader's place in one collection's history.
pub struct Events<T> {
    history: History<T>,
    collection: Arc<str>,
    after: Revision,
    wake: watch::Receiver<Revision>,
}

impl<T: Stored> Events<T> {
    /// What has happened since the last call, whole commits, at most about `most` events; empty when nothing has.
    ///
    /// # Errors
    /// [`PlaceError::Compacted`] when this reader was too slow: history moved past it.
    pub fn ready(&mut self, most: usize) -> Result<Vec<Arc<Event<T>>>, PlaceError> {
        self.wake.mark_unchanged();
        let state = self.history.shared.read();
        let Some(collection) = state.collections.get(&self.collection) else {
            self.after = state.head;
            return Ok(Vec::new());
        };
        if self.after < collection.forgotten && !planted(Flaw::SkipsTheCompacted) {
            return Err(PlaceError::Compacted { oldest: state.oldest });
        }
        let events = &collection.events;
        let mut start = events.partition_point(|event| event.revision <= self.after);
        if planted(Flaw::SkipsEvents) {
            start = start.max(events.len().saturating_sub(16));
        }
        let mut end = events.len().min(start + most.max(1));
        while end > start && end < events.len() && events[end].revision == events[end - 1].revision {
            end += 1;
        }
        self.after = if end == events.len() { state.head } else { events[end - 1].revision };
        Ok(events.range(start..end).cloned().collect())
    }

    /// Something may have happened since the last call of the others. Costs next to nothing.
    pub fn has_news(&self) -> bool {
        self.wake.has_changed()
    }

    /// Waits until something has happened, then gives it as [`Events::ready`] does. Cancel safe.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Arc<Event<T>>>, PlaceError> {
        loop {
            let events = self.ready(most)?;
            if !events.is_empty() {
                return Ok(events);
            }
            if self.wake.changed().await.is_err() {
                // The sender lives as long as the history this reader holds.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Everything up to and including this revision has been handed out.
    pub fn place(&self) -> Revision {
        self.after
    }
}

//! Following a collection from a moment on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};

use super::list::parse_revision;
use super::selection::Selection;
use super::{Api, shown};
use crate::api::client::{ListOptions, WatchEvent, WatchStream};
use crate::api::custom::{self, Instances};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::clock::{self, Instant};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Change, Event, Events, PlaceError, Revision, Snapshot};

/// How often a quiet watch that asked for bookmarks gets one; upstream's is about a minute too.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// Events that are taken from the store at once.
const BATCH: usize = 512;

impl Api {
    /// Every change of a kind in a namespace (empty: in all), from the revision that the options name on; without one, what is there
    /// comes first. A lost place is the stream's last item, an `Expired` error.
    ///
    /// # Errors
    /// Options that make no sense.
    pub async fn watch(&self, kind: &KindRef, namespace: &str, options: &ListOptions) -> Result<WatchStream, Status> {
        let errors = contradictions(options);
        if !errors.is_empty() {
            return Err(Status::invalid_options("ListOptions", &errors));
        }
        let selection = Selection::new(kind, namespace, options)?;
        let revision = parse_revision(&options.resource_version).map_err(|why| Status::new(500, Reason::Unknown, why))?;
        let from_the_start = matches!(revision, None | Some(Revision(0)));
        let initial = options.send_initial_events.unwrap_or(from_the_start);
        let mut pending = VecDeque::new();
        let after = match revision {
            Some(revision) if !from_the_start && !initial => revision,
            _ => {
                let snapshot = if revision == Some(Revision(0)) {
                    self.store().snapshot()
                } else {
                    self.not_older(revision.unwrap_or_default()).await?
                };
                if initial {
                    pending.extend(present(&snapshot, kind, &selection).map(|object| Ok(WatchEvent::Added(object))));
                    if options.send_initial_events == Some(true) && options.allow_watch_bookmarks {
                        pending.push_back(Ok(WatchEvent::Bookmark { revision: snapshot.revision(), initial_events_end: true }));
                    }
                }
                snapshot.revision()
            }
        };
        let (events, not_before) = match self.store().events(&kind.collection, after) {
            Ok(events) => (Some(events), Revision(0)),
            // It waits for the future, as upstream's does.
            Err(PlaceError::Future { newest }) => (self.store().events(&kind.collection, newest).ok(), after),
            Err(PlaceError::Compacted { oldest }) => {
                pending.clear();
                pending.push_back(Err(lost(after, oldest)));
                (None, Revision(0))
            }
        };
        let definition = match &kind.custom {
            Some(custom) => {
                let from = |revision| self.store().events(custom::COLLECTION, revision).ok();
                let events = from(custom.since()).or_else(|| from(self.store().snapshot().revision()));
                events.map(|events| (events, custom.clone()))
            }
            None => None,
        };
        let now = clock::instant();
        let watch = Watch {
            definition,
            events,
            not_before,
            selection,
            pending,
            deadline: options.timeout_seconds.map(|seconds| now + Duration::from_secs(seconds)),
            bookmark: options.allow_watch_bookmarks.then(|| now + BOOKMARK_INTERVAL),
        };
        let items = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|item| (item, watch)) });
        // Whoever gathers what is ready may ask again after the end.
        Ok(items.fuse().boxed())
    }
}

fn present<'a>(snapshot: &'a Snapshot<Object>, kind: &'a KindRef, selection: &'a Selection) -> impl Iterator<Item = Object> {
    let prefix = selection.prefix();
    let matching: Vec<Object> = snapshot
        .range(&kind.collection, &prefix, None)
        .map(|(_, object)| object)
        .filter(|object| selection.matches(object))
        .map(|object| shown(kind, object))
        .collect();
    matching.into_iter()
}

fn lost(after: Revision, oldest: Revision) -> Status {
    Status::expired(format!("too old resource version: {after} ({oldest})"))
}

/// One watcher's state. It holds no change that the store does not hold anyway: a slow reader costs a bounded batch of references.
struct Watch {
    /// Of the kind, if it has one: a watch ends when its kind is no more what it was.
    definition: Option<(Events<Object>, Arc<Instances>)>,
    /// `None` once the place is lost.
    events: Option<Events<Object>>,
    /// Changes up to this revision are passed over.
    not_before: Revision,
    selection: Selection,
    pending: VecDeque<Result<WatchEvent, Status>>,
    deadline: Option<Instant>,
    bookmark: Option<Instant>,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<WatchEvent, Status>> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            let events = self.events.as_mut()?;
            tokio::select! {
                biased;
                () = at(self.deadline) => return None,
                () = custom::changed(&mut self.definition) => return None,
                () = at(self.bookmark) => self.on_bookmark(),
                batch = events.next(BATCH) => self.take(batch),
            }
        }
    }

    fn take(&mut self, batch: Result<Vec<Arc<Event<Object>>>, PlaceError>) {
        match batch {
            Ok(batch) => {
                let visible = batch.iter().filter(|event| event.revision > self.not_before);
                self.pending.extend(visible.filter_map(|event| seen(event, &self.selection)).map(Ok));
            }
            Err(error) => {
                let place = self.events.take().map_or(Revision(0), |events| events.place());
                let (PlaceError::Compacted { oldest: known } | PlaceError::Future { newest: known }) = error;
                self.pending.push_back(Err(lost(place, known)));
            }
        }
    }

    /// What is ready goes first; then a bookmark may say how far that was.
    fn on_bookmark(&mut self) {
        self.bookmark = Some(clock::instant() + BOOKMARK_INTERVAL);
        let Some(events) = self.events.as_mut() else { return };
        let batch = events.ready(BATCH);
        let place = events.place();
        self.take(batch);
        if (self.pending.is_empty() || planted(Flaw::BookmarkAhead)) && place >= self.not_before {
            self.pending.push_front(Ok(WatchEvent::Bookmark { revision: place, initial_events_end: false }));
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// A change as a watcher with that selection sees it: who enters it is added, who leaves it is deleted (in its last state that
/// matched, as of the revision at which it left).
fn seen(event: &Event<Object>, selection: &Selection) -> Option<WatchEvent> {
    use crate::runtime::store::Stored;
    let shown = |object: &Object| shown(selection.kind(), object);
    match &event.change {
        Change::Put { value, previous } => {
            let before = previous.as_ref().filter(|object| selection.matches(object));
            match (before, selection.matches(value)) {
                (None, true) => Some(WatchEvent::Added(shown(value))),
                (Some(_), true) => Some(WatchEvent::Modified(shown(value))),
                (Some(before), false) => Some(WatchEvent::Deleted(shown(before).at(event.revision))),
                (None, false) => None,
            }
        }
        Change::Delete { value, previous } => selection.matches(previous).then(|| WatchEvent::Deleted(shown(value))),
    }
}

/// What `ValidateListOptions` forbids for a watch.
fn contradictions(options: &ListOptions) -> ErrorList {
    let mut errors = ErrorList::default();
    let rule = options.resource_version_match.as_str();
    let mut forbid = |why: &str| errors.push(FieldErrorKind::Forbidden, "resourceVersionMatch", format!("Forbidden: {why}"));
    if options.send_initial_events.is_some() && rule != "NotOlderThan" {
        forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if rule.is_empty() {
        return errors;
    }
    if options.send_initial_events.is_none() {
        forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    if !options.continue_token.is_empty() {
        forbid("resourceVersionMatch is forbidden when continue is provided");
    }
    if rule != "NotOlderThan" {
        let message = format!("Unsupported value: \"{rule}\": supported values: \"NotOlderThan\"");
        errors.push(FieldErrorKind::NotSupported, "resourceVersionMatch", message);
    }
    errors
}

//! Where an informer's updates come from: a list, then a watch from there on, for ever.

use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use rand::RngExt;

use crate::actors::backoff::Backoff;
use crate::api::client::{ClientRef, List, ListOptions, WatchEvent, WatchStream};
use crate::api::kinds::KindRef;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Revision, Stored};

/// As client-go's reflector: 0.8 s to 30 s.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(800), most: Duration::from_secs(30) };

/// A watch that ends sooner than this without an event counts as a failure, lest a server that ends each at once be flooded.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);

/// Which objects of a kind are of interest. Empty texts select all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub namespace: String,
    pub label_selector: String,
    pub field_selector: String,
}

/// What became of the objects since the last update.
pub(super) enum Update {
    /// All of them, at one revision: what came before does not count.
    Listed(List),
    Event(WatchEvent),
}

/// How far a source has come.
enum Place {
    Lost,
    At(Revision),
    Watching { revision: Revision, since: clock::Instant, watch: WatchStream },
}

struct Source {
    client: ClientRef,
    kind: KindRef,
    selection: Selection,
    entropy: Entropy,
    place: Place,
    /// Failures since the last event.
    failures: u32,
}

/// Begins with a list. Errors are logged and retried with backoff; never ends.
pub(super) fn updates(client: ClientRef, kind: KindRef, selection: Selection, entropy: Entropy) -> impl Stream<Item = Update> {
    let source = Source { client, kind, selection, entropy, place: Place::Lost, failures: 0 };
    stream::unfold(source, |mut source| async move { Some((source.next().await, source)) })
}

impl Source {
    async fn next(&mut self) -> Update {
        loop {
            let update = match std::mem::replace(&mut self.place, Place::Lost) {
                Place::Lost => self.list().await,
                Place::At(revision) => {
                    self.watch(revision).await;
                    None
                }
                Place::Watching { revision, since, watch } => self.follow(revision, since, watch).await,
            };
            if let Some(update) = update {
                return update;
            }
        }
    }

    async fn list(&mut self) -> Option<Update> {
        let options = self.options();
        match self.client.list(&self.kind, &self.selection.namespace, &options).await {
            Ok(list) => {
                self.place = Place::At(list.revision);
                Some(Update::Listed(list))
            }
            Err(error) => {
                self.pause("list", &error).await;
                None
            }
        }
    }

    async fn watch(&mut self, revision: Revision) {
        let options = ListOptions {
            resource_version: revision.to_string(),
            allow_watch_bookmarks: true,
            // Five to ten minutes, as client-go: a connection that died unnoticed is replaced.
            timeout_seconds: Some(self.entropy.rng().random_range(300..600)),
            ..self.options()
        };
        match self.client.watch(&self.kind, &self.selection.namespace, &options).await {
            Ok(watch) => self.place = Place::Watching { revision, since: clock::instant(), watch },
            Err(error) => self.interrupted(revision, &error).await,
        }
    }

    async fn follow(&mut self, revision: Revision, since: clock::Instant, mut watch: WatchStream) -> Option<Update> {
        match watch.next().await {
            Some(Ok(event)) => {
                self.failures = 0;
                let revision = match &event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => object.revision(),
                    WatchEvent::Bookmark { revision, .. } => *revision,
                };
                self.place = Place::Watching { revision, since, watch };
                return Some(Update::Event(event));
            }
            Some(Err(error)) => self.interrupted(revision, &error).await,
            None => {
                self.place = Place::At(if planted(Flaw::ResumesTooLate) { revision.next() } else { revision });
                if since.elapsed() < SHORTEST_WATCH {
                    self.pause("watch", &Status::internal("the watch ended at once")).await;
                }
            }
        }
        None
    }

    async fn interrupted(&mut self, revision: Revision, error: &Status) {
        if error.is_expired() && self.failures == 0 {
            // The first loss of place is no fault of anybody's; the place stays lost, so a list comes next.
            self.failures = 1;
            return;
        }
        self.pause("watch", error).await;
        if !error.is_expired() {
            self.place = Place::At(revision);
        }
    }

    async fn pause(&mut self, verb: &str, error: &Status) {
        self.failures += 1;
        let delay = BACKOFF.delay(self.failures, &mut self.entropy);
        tracing::warn!(kind = self.kind.plural(), verb, %error, ?delay, "an informer lost its source and will try again");
        tokio::time::sleep(delay).await;
    }

    fn options(&self) -> ListOptions {
        let Selection { label_selector, field_selector, .. } = self.selection.clone();
        ListOptions { label_selector, field_selector, ..ListOptions::default() }
    }
}

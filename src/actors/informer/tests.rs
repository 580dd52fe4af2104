use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::api::client::{Client, DeleteOptions, List, ListOptions, Patch, WatchEvent, WatchStream, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::runtime::clock;
use crate::runtime::store::{Revision, Stored};
use crate::runtime::supervision::Strategy;

fn receiver_stream<T>(receiver: mpsc::UnboundedReceiver<T>) -> impl Stream<Item = T> {
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) })
}

fn paused(test: impl Future<Output = ()>) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(runtime).block_on(test);
}

/// A source with a state, watchers, and failures that the next calls meet.
#[derive(Default)]
struct Fake(Mutex<State>);

#[derive(Default)]
struct State {
    revision: u64,
    objects: BTreeMap<String, Object>,
    watchers: Vec<mpsc::UnboundedSender<Result<WatchEvent, Status>>>,
    failures: VecDeque<Status>,
    lists: usize,
}

impl Fake {
    fn put(&self, name: &str, labels: Value) {
        let mut state = self.0.lock();
        state.revision += 1;
        let metadata = json!({ "name": name, "namespace": "default", "labels": labels });
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata });
        let object = Object::from_value(pod).unwrap().at(Revision(state.revision));
        state.objects.insert(name.into(), object.clone());
        state.watchers.retain(|watcher| watcher.send(Ok(WatchEvent::Modified(object.clone()))).is_ok());
    }

    fn delete(&self, name: &str) {
        let mut state = self.0.lock();
        state.revision += 1;
        let object = state.objects.remove(name).unwrap().at(Revision(state.revision));
        state.watchers.retain(|watcher| watcher.send(Ok(WatchEvent::Deleted(object.clone()))).is_ok());
    }

    /// Ends all watches, with an error or without.
    fn interrupt(&self, error: Option<Status>) {
        for watcher in self.0.lock().watchers.drain(..) {
            error.iter().for_each(|error| _ = watcher.send(Err(error.clone())));
        }
    }

    fn start(self: &Arc<Self>) -> InformerHandle {
        let entropy = Entropy::from_seed(1);
        let supervisor = Supervisor::root(Strategy::OneForOne);
        let kind = Registry::built_in().kind("v1", "Pod").unwrap();
        Informer::start(&supervisor, self.clone(), kind, Selection::default(), &[index::OWNER, index::LABEL], &entropy)
    }
}

impl Client for Fake {
    fn list<'a>(&'a self, _: &'a KindRef, _: &'a str, _: &'a ListOptions) -> BoxFuture<'a, Result<List, Status>> {
        let mut state = self.0.lock();
        state.lists += 1;
        let answer = match state.failures.pop_front() {
            Some(error) => Err(error),
            None => Ok(List {
                revision: Revision(state.revision),
                items: state.objects.values().cloned().collect(),
                continue_token: String::new(),
                remaining: None,
            }),
        };
        async { answer }.boxed()
    }

    fn watch<'a>(&'a self, _: &'a KindRef, _: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<WatchStream, Status>> {
        let mut state = self.0.lock();
        let after: u64 = options.resource_version.parse().unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        for object in state.objects.values().filter(|object| object.revision().0 > after) {
            sender.send(Ok(WatchEvent::Modified(object.clone()))).unwrap();
        }
        state.watchers.push(sender);
        async { Ok(receiver_stream(receiver).boxed()) }.boxed()
    }

    fn get<'a>(&'a self, _: &'a KindRef, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Object, Status>> {
        unreachable!("an informer lists and watches")
    }

    fn create<'a>(&'a self, _: &'a KindRef, _: &'a str, _: Value, _: &'a WriteOptions) -> BoxFuture<'a, Result<Object, Status>> {
        unreachable!("an informer lists and watches")
    }

    fn create_subresource<'a>(
        &'a self,
        _: &'a KindRef,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Value,
        _: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        unreachable!("an informer lists and watches")
    }

    fn update<'a>(
        &'a self,
        _: &'a KindRef,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Value,
        _: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        unreachable!("an informer lists and watches")
    }

    fn patch<'a>(
        &'a self,
        _: &'a KindRef,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: Patch,
        _: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        unreachable!("an informer lists and watches")
    }

    fn delete<'a>(&'a self, _: &'a KindRef, _: &'a str, _: &'a str, _: &'a DeleteOptions) -> BoxFuture<'a, Result<Object, Status>> {
        unreachable!("an informer lists and watches")
    }
}

fn names(view: &View) -> Vec<&str> {
    view.iter().map(|entry| entry.name()).collect()
}

/// `+a` came, `-a` went, `~a` changed.
fn marks(deltas: &[Delta]) -> Vec<String> {
    let mark = |delta: &Delta| match (&delta.old, &delta.new) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    deltas.iter().map(|delta| format!("{}{}", mark(delta), delta.key.name)).collect()
}

#[test]
fn an_informer_shows_what_was_listed_and_follows_what_is_watched() {
    paused(async {
        let fake = Arc::new(Fake::default());
        fake.put("a", json!({}));
        let pods = fake.start();
        pods.synced().await;
        assert_eq!(names(&pods.view()), ["a"]);
        let mut changes = pods.subscribe();
        assert_eq!(marks(&changes.next().await.unwrap()), ["+a"]);
        fake.put("b", json!({}));
        assert_eq!(marks(&changes.next().await.unwrap()), ["+b"]);
        let before = pods.view();
        fake.delete("a");
        assert_eq!(marks(&changes.next().await.unwrap()), ["-a"]);
        assert_eq!((names(&pods.view()), pods.view().revision()), (vec!["b"], Revision(3)));
        assert_eq!(names(&before), ["a", "b"], "a view that somebody keeps does not change");
        assert_eq!(fake.0.lock().lists, 1);
    });
}

#[test]
fn a_lost_place_is_listed_anew_and_subscribers_learn_only_the_difference() {
    paused(async {
        let fake = Arc::new(Fake::default());
        ["a", "b", "c"].iter().for_each(|name| fake.put(name, json!({})));
        let pods = fake.start();
        let mut changes = pods.subscribe();
        assert_eq!(marks(&changes.next().await.unwrap()), ["+a", "+b", "+c"]);
        fake.interrupt(Some(Status::new(410, Reason::Expired, "too old resource version: 3 (9)")));
        fake.delete("a");
        fake.put("c", json!({ "new": "label" }));
        assert_eq!(marks(&changes.next().await.unwrap()), ["-a", "~c"]);
        assert_eq!(fake.0.lock().lists, 2);
    });
}

#[test]
fn a_watch_that_ends_is_resumed_without_a_list() {
    paused(async {
        let fake = Arc::new(Fake::default());
        fake.put("a", json!({}));
        let pods = fake.start();
        let mut changes = pods.subscribe();
        changes.next().await.unwrap();
        tokio::time::sleep(Duration::from_secs(400)).await;
        fake.interrupt(None);
        fake.put("b", json!({}));
        assert_eq!(marks(&changes.next().await.unwrap()), ["+b"]);
        assert_eq!(fake.0.lock().lists, 1);
    });
}

#[test]
fn failures_are_retried_with_a_doubling_delay() {
    paused(async {
        let fake = Arc::new(Fake::default());
        fake.0.lock().failures = (0..3).map(|_| Status::internal("no store")).collect();
        let start = clock::instant();
        let pods = fake.start();
        pods.synced().await;
        let waited = start.elapsed().as_millis();
        assert!((5600..=8500).contains(&waited), "0.8 s, 1.6 s and 3.2 s, each with jitter: {waited} ms");
    });
}

#[test]
fn a_subscriber_that_does_not_keep_up_gets_one_delta_a_key() {
    paused(async {
        let fake = Arc::new(Fake::default());
        fake.put("a", json!({}));
        let pods = fake.start();
        let (mut quick, mut slow) = (pods.subscribe(), pods.subscribe());
        slow.next().await.unwrap();
        quick.next().await.unwrap();
        for round in 0..100 {
            fake.put("a", json!({ "round": round.to_string() }));
            fake.put("fleeting", json!({}));
            fake.delete("fleeting");
            quick.next().await.unwrap();
        }
        let deltas = slow.ready();
        assert_eq!(marks(&deltas), ["~a"]);
        assert_eq!(deltas[0].old.as_ref().unwrap().revision(), Revision(1));
        assert_eq!(deltas[0].new.as_ref().unwrap().labels()["round"], "99");
    });
}

#[test]
fn indexes_follow_labels_and_owners() {
    let pod = |name: &str, revision: u64, app: &str, owner: &str| {
        let owners = json!([{ "apiVersion": "v1", "kind": "ReplicationController", "name": "w", "uid": owner, "controller": true }]);
        let metadata = json!({ "name": name, "namespace": "default", "labels": { "app": app }, "ownerReferences": owners });
        Object::from_value(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata })).unwrap().at(Revision(revision))
    };
    let mut view = View::empty(&[index::OWNER, index::LABEL]);
    view.apply(WatchEvent::Added(pod("a", 1, "x", "u1")));
    view.apply(WatchEvent::Added(pod("b", 2, "x", "u2")));
    view.apply(WatchEvent::Added(pod("c", 3, "y", "u1")));
    let found = |entries: Vec<&Entry>| entries.iter().map(|entry| entry.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(found(view.by_label("default", "app", "x").collect()), ["a", "b"]);
    assert_eq!(found(view.by_owner("u1").collect()), ["a", "c"]);
    view.apply(WatchEvent::Modified(pod("a", 4, "y", "u2")));
    view.apply(WatchEvent::Deleted(pod("c", 5, "y", "u1")));
    assert_eq!(found(view.by_label("default", "app", "x").collect()), ["b"]);
    assert_eq!(found(view.by_label("default", "app", "y").collect()), ["a"]);
    assert_eq!(view.by_owner("u1").count(), 0);
    assert_eq!(view.by_label("other", "app", "x").count(), 0);
}

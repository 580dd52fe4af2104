//! One client's wire.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use futures::{FutureExt, StreamExt, stream};
use parking_lot::Mutex;
use serde_json::Value;

use super::Network;
use super::disturbance::{Carriage, Fate, carriage, echo, fate, forges};
use super::letter::{Letter, Wish};
use super::trap::Side;
use crate::api::client::{Client, DeleteOptions, List, ListOptions, Patch, WatchEvent, WatchStream, WriteOptions};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::api::verbs::{LocalClient, User};
use crate::runtime::entropy::Entropy;
use crate::simulation::journal::{Delivery, Event, Outcome, Request};

/// When a client gives up on an answer, as the kubelet does.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Wire {
    network: Network,
    user: User,
    name: Arc<str>,
    entropy: Mutex<Entropy>,
    /// The server's end, as of a server.
    end: Mutex<(u64, Option<Arc<LocalClient>>)>,
    /// The lease that was answered last, on the wire by which one is pursued.
    lease: Mutex<Option<Object>>,
}

/// What can be written down of an answer.
trait Answer {
    fn outcome(&self) -> Outcome;
}

impl Answer for Object {
    fn outcome(&self) -> Outcome {
        Outcome::Object(self.clone())
    }
}

impl Answer for List {
    fn outcome(&self) -> Outcome {
        Outcome::List { revision: self.revision, items: self.items.clone().into() }
    }
}

impl Answer for Value {
    fn outcome(&self) -> Outcome {
        Outcome::Other
    }
}

impl Answer for WatchStream {
    fn outcome(&self) -> Outcome {
        Outcome::Other
    }
}

impl Request {
    /// Whether it can have an effect.
    pub(in crate::simulation) fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }
}

fn path(namespace: &str, name: &str) -> Arc<str> {
    match (namespace.is_empty(), name.is_empty()) {
        (true, _) => name.into(),
        (_, true) => namespace.into(),
        _ => format!("{namespace}/{name}").into(),
    }
}

impl Wire {
    pub fn new(network: Network, user: &str) -> Self {
        let entropy = Mutex::new(network.0.entropy.split(user));
        Self { user: User::master(user), name: user.into(), network, entropy, end: Mutex::new((0, None)), lease: Mutex::new(None) }
    }

    fn server(&self) -> Result<Arc<LocalClient>, Status> {
        let server = self.network.0.server.lock();
        let mut end = self.end.lock();
        if end.0 != server.0 {
            *end = (server.0, server.1.clone().map(|api| Arc::new(LocalClient::new(api, self.user.clone()))));
        }
        end.1.clone().ok_or_else(|| Status::new(503, Reason::ServiceUnavailable, "connection refused"))
    }

    fn request(&self, verb: &'static str, kind: &KindRef, path: Arc<str>, subresource: &str, revision: &str) -> Arc<Request> {
        let (user, collection) = (self.name.clone(), kind.collection.clone());
        Arc::new(Request { user, verb, collection, path, subresource: subresource.into(), revision: revision.into(), is_partial: false })
    }

    fn many(&self, verb: &'static str, kind: &KindRef, namespace: &str, options: &ListOptions) -> Arc<Request> {
        let is_partial = !options.label_selector.is_empty()
            || !options.field_selector.is_empty()
            || options.limit > 0
            || !options.continue_token.is_empty()
            || options.send_initial_events.is_some();
        let request = self.request(verb, kind, path(namespace, ""), "", &options.resource_version);
        Arc::new(Request { is_partial, ..Request::clone(&request) })
    }

    async fn exchange<T: Answer, F>(&self, request: Arc<Request>, call: impl FnOnce(Arc<LocalClient>) -> F) -> Result<(u64, T), Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        self.exchange_with(request, None, call).await
    }

    /// The copy goes its own way once the request has arrived.
    async fn exchange_with<T: Answer, F>(
        &self,
        request: Arc<Request>,
        copy: Option<Letter>,
        call: impl FnOnce(Arc<LocalClient>) -> F,
    ) -> Result<(u64, T), Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let (id, journal) = (self.network.number(), &self.network.0.journal);
        journal.write(Event::Asked { id, request: request.clone() });
        let answer = self.pass(&request, copy, call).await;
        let outcome = match &answer {
            Ok(answer) => answer.outcome(),
            Err(Lost::Error(status)) => Outcome::Refused(status.code),
            Err(Lost::Silence(_)) => Outcome::Lost,
        };
        if let (Outcome::Object(lease), "leases") = (&outcome, &*request.collection) {
            *self.lease.lock() = Some(lease.clone());
        }
        journal.write(Event::Answered { id, request, outcome });
        match answer {
            Ok(answer) => Ok((id, answer)),
            Err(Lost::Error(status) | Lost::Silence(status)) => Err(status),
        }
    }

    /// Carries a request there, and its answer back.
    async fn pass<T, F>(&self, request: &Arc<Request>, copy: Option<Letter>, call: impl FnOnce(Arc<LocalClient>) -> F) -> Result<T, Lost>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let fate = self.fate(matches!(request.verb, "update" | "patch" | "create-subresource"));
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay / 2).await;
        }
        if fate.request_lost {
            return Err(silence("the request was lost").await);
        }
        if fate.conflict {
            let message = "the object has been modified; please apply your changes to the latest version";
            return Err(Lost::Error(Status::new(409, Reason::Conflict, message)));
        }
        self.killed_at(request, Side::Before).await;
        let server = self.server().map_err(Lost::Error)?;
        let answer = self.network.0.clock.rule(call(server)).await;
        if let Some(copy) = copy {
            self.bring_again(copy, request.clone());
        }
        self.killed_at(request, Side::After).await;
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay / 2).await;
        }
        if fate.answer_lost {
            return Err(silence("the answer was lost").await);
        }
        answer.map_err(Lost::Error)
    }

    /// What stands in between answers in the API's place, if something does: the lease as it was told last, or as it is wished to be. The API
    /// hears nothing of it, and says nothing.
    fn forged(&self, request: &Arc<Request>, wish: Option<&Value>) -> Option<Object> {
        let network = &self.network.0;
        if &*request.collection != "leases" || !forges(network.disturbances.lock().values(), &self.user.name) {
            return None;
        }
        let mut lease = self.lease.lock();
        let told = match wish {
            Some(wish) => Object::from_value(wish.clone()).ok()?,
            None => lease.clone()?,
        };
        *lease = Some(told.clone());
        let id = self.network.number();
        network.journal.write(Event::Asked { id, request: request.clone() });
        network.journal.write(Event::Answered { id, request: request.clone(), outcome: Outcome::Lost });
        Some(told)
    }

    /// A copy of what changes something, if the network makes one.
    fn copy(&self, kind: &KindRef, (namespace, name, subresource): (&str, &str, &str), wish: impl FnOnce() -> Wish) -> Option<Letter> {
        let late = match &*self.network.0.disturbances.lock() {
            none if none.is_empty() => return None,
            some => echo(some.values(), &self.user.name, &mut self.entropy.lock())?,
        };
        let (namespace, name, subresource) = (namespace.to_owned(), name.to_owned(), subresource.to_owned());
        Some(Letter { late, kind: kind.clone(), namespace, name, subresource, wish: wish() })
    }

    /// Lets the copy of a request arrive in its time, as a request of its own, whose sender is told nothing.
    fn bring_again(&self, copy: Letter, request: Arc<Request>) {
        let wire = self.another("copy");
        actix::spawn(async move {
            tokio::time::sleep(copy.late).await;
            let Ok(server) = wire.server() else { return };
            let (id, journal) = (wire.network.number(), &wire.network.0.journal);
            journal.write(Event::Asked { id, request: request.clone() });
            wire.network.0.clock.rule(copy.arrive(&server)).await;
            journal.write(Event::Answered { id, request, outcome: Outcome::Lost });
        });
    }

    /// Another wire of the same client, with chance of its own.
    fn another(&self, name: &str) -> Self {
        Self {
            network: self.network.clone(),
            user: self.user.clone(),
            name: self.name.clone(),
            entropy: Mutex::new(self.entropy.lock().split(name)),
            end: Mutex::new((0, None)),
            lease: Mutex::new(None),
        }
    }

    /// Does not return if a trap springs here: the process is killed meanwhile.
    async fn killed_at(&self, request: &Request, side: Side) {
        if self.network.springs(request, side) {
            std::future::pending::<()>().await;
        }
    }

    fn fate(&self, is_update: bool) -> Fate {
        let disturbances = self.network.0.disturbances.lock();
        match disturbances.is_empty() {
            true => Fate::default(),
            false => fate(disturbances.values(), &self.user.name, is_update, &mut self.entropy.lock()),
        }
    }

    /// What becomes of a watch's next event, once it is decided.
    async fn carriage(&self) -> Carriage {
        let mut changed = self.network.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let carriage = match &*self.network.0.disturbances.lock() {
                none if none.is_empty() => return Carriage::Arrives,
                some => carriage(some.values(), &self.user.name, &mut self.entropy.lock()),
            };
            if carriage != Carriage::Waits || changed.changed().await.is_err() {
                return carriage;
            }
        }
    }

    fn carry(&self, id: u64, request: Arc<Request>, watch: WatchStream) -> WatchStream {
        let wire = self.another(&format!("watch {id}"));
        stream::unfold(Some((watch, wire, request)), move |state| async move {
            let (mut watch, wire, request) = state?;
            let event = watch.next().await?;
            let event = match wire.carriage().await {
                Carriage::Arrives | Carriage::Waits => event,
                Carriage::Ends => return None,
                Carriage::Expires => Err(Status::new(410, Reason::Expired, "too old resource version")),
            };
            let (delivery, goes_on) = match &event {
                Ok(WatchEvent::Added(object)) => (Delivery::Changed("ADDED", object.clone()), true),
                Ok(WatchEvent::Modified(object)) => (Delivery::Changed("MODIFIED", object.clone()), true),
                Ok(WatchEvent::Deleted(object)) => (Delivery::Changed("DELETED", object.clone()), true),
                Ok(WatchEvent::Bookmark { revision, .. }) => (Delivery::Bookmark(*revision), true),
                Err(status) => (Delivery::Ended(status.code), false),
            };
            wire.network.0.journal.write(Event::Delivered { id, request: request.clone(), delivery });
            Some((event, goes_on.then_some((watch, wire, request))))
        })
        .boxed()
    }
}

/// Why there is no answer.
enum Lost {
    /// The API said so, or nobody listens.
    Error(Status),
    /// Nothing came back.
    Silence(Status),
}

async fn silence(what: &str) -> Lost {
    tokio::time::sleep(TIMEOUT).await;
    Lost::Silence(Status::new(504, Reason::Timeout, what))
}

impl Client for Wire {
    fn get<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Object, Status>> {
        let request = self.request("get", kind, path(namespace, name), "", "");
        if let Some(lease) = self.forged(&request, None) {
            return ready(Ok(lease)).boxed();
        }
        self.exchange(request, move |server| async move { server.get(kind, namespace, name).await }).map(answer).boxed()
    }

    fn list<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<List, Status>> {
        let request = self.many("list", kind, namespace, options);
        self.exchange(request, move |server| async move { server.list(kind, namespace, options).await }).map(answer).boxed()
    }

    fn watch<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<WatchStream, Status>> {
        let request = self.many("watch", kind, namespace, options);
        let watch = self.exchange(request.clone(), move |server| async move { server.watch(kind, namespace, options).await });
        async move {
            let (id, watch) = watch.await?;
            Ok(self.carry(id, request, watch))
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let request = self.request("create", kind, path(namespace, name), "", "");
        let copy = self.copy(kind, (namespace, "", ""), || Wish::Create(body.clone(), options.clone()));
        let post = move |server: Arc<LocalClient>| async move { server.create(kind, namespace, body, options).await };
        self.exchange_with(request, copy, post).map(answer).boxed()
    }

    fn create_subresource<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        let request = self.request("create-subresource", kind, path(namespace, name), subresource, "");
        let copy = self.copy(kind, (namespace, name, subresource), || Wish::CreateSubresource(body.clone(), options.clone()));
        let post = move |server: Arc<LocalClient>| async move {
            server.create_subresource(kind, namespace, name, subresource, body, options).await
        };
        self.exchange_with(request, copy, post).map(answer).boxed()
    }

    fn update<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        let expected = body.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
        let request = self.request("update", kind, path(namespace, name), subresource, expected);
        if let Some(lease) = self.forged(&request, Some(&body)) {
            return ready(Ok(lease)).boxed();
        }
        let copy = self.copy(kind, (namespace, name, subresource), || Wish::Update(body.clone(), options.clone()));
        let put = move |server: Arc<LocalClient>| async move { server.update(kind, namespace, name, subresource, body, options).await };
        self.exchange_with(request, copy, put).map(answer).boxed()
    }

    fn patch<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        patch: Patch,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        let request = self.request("patch", kind, path(namespace, name), subresource, "");
        let copy = self.copy(kind, (namespace, name, subresource), || Wish::Patch(patch.clone(), options.clone()));
        let change = move |server: Arc<LocalClient>| async move { server.patch(kind, namespace, name, subresource, patch, options).await };
        self.exchange_with(request, copy, change).map(answer).boxed()
    }

    fn delete<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        options: &'a DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        let request = self.request("delete", kind, path(namespace, name), "", options.resource_version.as_deref().unwrap_or_default());
        let copy = self.copy(kind, (namespace, name, ""), || Wish::Delete(options.clone()));
        let delete = move |server: Arc<LocalClient>| async move { server.delete(kind, namespace, name, options).await };
        self.exchange_with(request, copy, delete).map(answer).boxed()
    }
}

fn answer<T>(exchange: Result<(u64, T), Status>) -> Result<T, Status> {
    exchange.map(|(_, answer)| answer)
}

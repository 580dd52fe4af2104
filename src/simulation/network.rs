//! The wires between the parts of a cluster and its API: they can be slow, lose a request or its answer, and be cut.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use parking_lot::Mutex;
use rand::RngExt;
use serde_json::Value;

use crate::api::client::{Client, ClientRef, DeleteOptions, List, ListOptions, Patch, WatchStream, WriteOptions};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::api::verbs::{Api, LocalClient, User};
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;

/// When a client gives up on an answer, as the kubelet does.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What befalls requests now. Rates are of 1.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// What a request takes at most.
    pub latency: Duration,
    pub lost_requests: f64,
    pub lost_answers: f64,
    /// Updates that are told that somebody else was first, although nobody was.
    pub conflicts: f64,
    /// Watches that break, for every event they carry.
    pub broken_watches: f64,
    /// Of those, the ones that have lost their place.
    pub lost_places: f64,
    /// Until then watches bring nothing: who looks at an informer looks at the past.
    pub frozen_until: Option<clock::Instant>,
    /// Users whose requests do not arrive.
    pub cut: BTreeMap<String, Cut>,
}

/// Which way a wire is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Both,
    /// Requests arrive and are answered, but the answers do not.
    Answers,
}

/// All wires of a cluster. Clones are the same wires.
#[derive(Clone)]
pub struct Network(Arc<Wires>);

struct Wires {
    /// What answers now, and how many have before it.
    server: Mutex<(u64, Option<Api>)>,
    weather: Mutex<Weather>,
    entropy: Entropy,
}

impl Network {
    pub fn new(entropy: Entropy) -> Self {
        Self(Arc::new(Wires { server: Mutex::new((0, None)), weather: Mutex::new(Weather::default()), entropy }))
    }

    /// From now on this answers, or nobody does.
    pub fn serve(&self, api: Option<Api>) {
        let mut server = self.0.server.lock();
        *server = (server.0 + 1, api);
    }

    pub fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.0.weather.lock());
    }

    /// A client whose requests pass over these wires.
    pub fn client(&self, user: &str) -> ClientRef {
        let entropy = Mutex::new(self.0.entropy.split(user));
        Arc::new(Wire { network: self.clone(), user: User::master(user), entropy, end: Mutex::new((0, None)) })
    }
}

/// What befalls one request.
struct Fate {
    delay: Duration,
    request_lost: bool,
    answer_lost: bool,
    conflict: bool,
}

struct Wire {
    network: Network,
    user: User,
    entropy: Mutex<Entropy>,
    /// The server's end, as of a server.
    end: Mutex<(u64, Option<Arc<LocalClient>>)>,
}

impl Wire {
    fn server(&self) -> Result<Arc<LocalClient>, Status> {
        let server = self.network.0.server.lock();
        let mut end = self.end.lock();
        if end.0 != server.0 {
            *end = (server.0, server.1.clone().map(|api| Arc::new(LocalClient::new(api, self.user.clone()))));
        }
        end.1.clone().ok_or_else(|| Status::new(503, Reason::ServiceUnavailable, "connection refused"))
    }

    fn fate(&self, is_update: bool) -> Fate {
        let weather = self.network.0.weather.lock();
        let mut entropy = self.entropy.lock();
        let mut happens = |rate: f64| rate > 0.0 && entropy.rng().random_bool(rate);
        let cut = weather.cut.get(&self.user.name);
        Fate {
            request_lost: cut == Some(&Cut::Both) || happens(weather.lost_requests),
            answer_lost: cut == Some(&Cut::Answers) || happens(weather.lost_answers),
            conflict: is_update && happens(weather.conflicts),
            delay: match weather.latency.is_zero() {
                true => Duration::ZERO,
                false => weather.latency.mul_f64(entropy.rng().random_range(0.0..=1.0)),
            },
        }
    }

    async fn exchange<T, F>(&self, is_update: bool, request: impl FnOnce(Arc<LocalClient>) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let fate = self.fate(is_update);
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay).await;
        }
        if fate.request_lost {
            tokio::time::sleep(TIMEOUT).await;
            return Err(Status::new(504, Reason::Timeout, "the request was lost"));
        }
        if fate.conflict {
            return Err(Status::new(
                409,
                Reason::Conflict,
                "the object has been modified; please apply your changes to the latest version",
            ));
        }
        let answer = request(self.server()?).await;
        if fate.answer_lost {
            tokio::time::sleep(TIMEOUT).await;
            return Err(Status::new(504, Reason::Timeout, "the answer was lost"));
        }
        answer
    }

    /// What becomes of a watch's next event.
    fn carries(&self) -> Result<(), Option<Status>> {
        let weather = self.network.0.weather.lock();
        let mut entropy = self.entropy.lock();
        let mut happens = |rate: f64| rate > 0.0 && entropy.rng().random_bool(rate);
        match happens(weather.broken_watches) {
            false => Ok(()),
            true => Err(happens(weather.lost_places).then(|| Status::new(410, Reason::Expired, "too old resource version"))),
        }
    }

    fn carry(&self, watch: WatchStream) -> WatchStream {
        let wire = Self {
            network: self.network.clone(),
            user: self.user.clone(),
            entropy: Mutex::new(self.entropy.lock().split("watch")),
            end: Mutex::new((0, None)),
        };
        stream::unfold(Some((watch, wire)), |state| async move {
            let (mut watch, wire) = state?;
            let event = watch.next().await?;
            wire.thawed().await;
            match wire.carries() {
                Ok(()) => Some((event, Some((watch, wire)))),
                Err(Some(error)) => Some((Err(error), None)),
                Err(None) => None,
            }
        })
        .boxed()
    }

    async fn thawed(&self) {
        loop {
            let until = self.network.0.weather.lock().frozen_until;
            match until.filter(|until| *until > clock::instant()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }
}

impl Client for Wire {
    fn get<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Object, Status>> {
        self.exchange(false, move |server| async move { server.get(kind, namespace, name).await }).boxed()
    }

    fn list<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<List, Status>> {
        self.exchange(false, move |server| async move { server.list(kind, namespace, options).await }).boxed()
    }

    fn watch<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<WatchStream, Status>> {
        let watch = self.exchange(false, move |server| async move { server.watch(kind, namespace, options).await });
        async move { Ok(self.carry(watch.await?)) }.boxed()
    }

    fn create<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        self.exchange(false, move |server| async move { server.create(kind, namespace, body, options).await }).boxed()
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
        let post = move |server: Arc<LocalClient>| async move {
            server.create_subresource(kind, namespace, name, subresource, body, options).await
        };
        self.exchange(true, post).boxed()
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
        let put = move |server: Arc<LocalClient>| async move { server.update(kind, namespace, name, subresource, body, options).await };
        self.exchange(true, put).boxed()
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
        let change = move |server: Arc<LocalClient>| async move { server.patch(kind, namespace, name, subresource, patch, options).await };
        self.exchange(true, change).boxed()
    }

    fn delete<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        options: &'a DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        self.exchange(false, move |server| async move { server.delete(kind, namespace, name, options).await }).boxed()
    }
}

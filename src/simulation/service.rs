//! A world that is served over HTTPS: the production front before a simulated cluster, whose clock moves only when a request asks for it.
//!
//! The cluster lives on a thread of its own, the front on ordinary ones in real time. They share the store, as in `kabuki up`, and the wall
//! time. While the clock stands the cluster does all that it can do at that moment, and no timer goes off: a task that blocks keeps tokio
//! from jumping to the next one. Every request that writes first waits until the cluster has done all that, and takes a millisecond: so the
//! same requests in the same order are the same run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::cluster::{Cluster, Setup, run};
use super::deeds::{Deed, Span};
use super::journal::{Entry, Journal, Witness};
use super::scenario::Script;
use crate::api::status::{Reason, Status};
use crate::http::authentication::Authenticator;
use crate::http::door::{Annex, AnnexRequest};
use crate::http::identity::Identity;
use crate::http::{Door, Front};
use crate::runtime::clock;

/// What a request that writes takes.
const INSTANT: Duration = Duration::from_millis(1);
/// For how long a world runs before anybody is let in: its nodes have joined by then.
const FOUNDING: Duration = Duration::from_secs(10);
/// How long a user of the cluster waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The furthest that the clock jumps at once.
const FURTHEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// So many entries of the journal are kept, and so many are answered at once.
const KEPT: usize = 50_000;
const ANSWERED: usize = 5_000;

/// Something that only the cluster's own thread can do.
enum Order {
    /// Do all that can be done now.
    Settle,
    Advance(Duration),
    Inject(Box<Deed>),
}

struct Asked {
    order: Order,
    answer: oneshot::Sender<Result<(), Status>>,
}

/// The newest entries of a journal. Clones share them.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// How many there were before the first that is kept.
    gone: u64,
    entries: VecDeque<Entry>,
}

impl Witness for Tail {
    fn see(&mut self, entry: &Entry) {
        let mut kept = self.0.lock();
        if kept.entries.len() == KEPT {
            kept.entries.pop_front();
            kept.gone += 1;
        }
        kept.entries.push_back(entry.clone());
    }
}

impl Tail {
    /// Entries from that number on, as far as they are kept.
    fn since(&self, number: u64) -> Value {
        let kept = self.0.lock();
        let skipped = usize::try_from(number.saturating_sub(kept.gone)).unwrap_or(usize::MAX);
        let numbered = (kept.gone..).zip(&kept.entries).skip(skipped).take(ANSWERED);
        let entries: Vec<Value> = numbered
            .map(|(number, entry)| json!({"number": number, "time": entry.time.to_string(), "what": entry.event.to_string()}))
            .collect();
        let next = entries.last().and_then(|entry| entry["number"].as_u64()).map_or(number.max(kept.gone), |last| last + 1);
        json!({"oldest": kept.gone, "next": next, "entries": entries})
    }
}

/// By which a running process lets requests in.
#[derive(Clone)]
pub(super) struct Entrance {
    pub door: Arc<Door>,
    pub identity: Arc<Identity>,
}

impl Entrance {
    /// What answers for a process.
    pub fn front(&self, parts: FrontParts) -> Front {
        let FrontParts { api, client, nodes, diagnoses, supervisor, entropy } = parts;
        Front {
            authenticator: Authenticator::new(&self.identity, client),
            nodes,
            diagnoses,
            audit: None,
            supervisor,
            entropy: Mutex::new(entropy),
            shutdown: crate::runtime::shutdown::Shutdown::new(),
            recorder: crate::runtime::recording::Recorder::default(),
            api,
        }
    }
}

/// What a process has for its front.
pub(super) struct FrontParts {
    pub api: crate::api::verbs::Api,
    pub client: crate::api::client::ClientRef,
    pub nodes: crate::api::streams::NodeDirectory,
    pub diagnoses: crate::actors::scheduler::Diagnoses,
    pub supervisor: crate::runtime::supervision::Supervisor,
    pub entropy: crate::runtime::entropy::Entropy,
}

/// `/debug/sim/`: what moves the clock and breaks things.
struct Controls {
    orders: mpsc::UnboundedSender<Asked>,
    /// Of the cluster.
    time: clock::Shared,
    journal: Journal,
    tail: Tail,
    seed: u64,
}

impl Controls {
    async fn order(&self, order: Order) -> Result<(), Status> {
        let (answer, answered) = oneshot::channel();
        let gone = || Status::new(503, Reason::ServiceUnavailable, "the world has ended");
        self.orders.send(Asked { order, answer }).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    async fn advance(&self, ask: &AnnexRequest) -> Result<Value, Status> {
        let by: Span = ask.query.text("by").parse().map_err(|why| Status::bad_request(format!("by: {why}")))?;
        if by.0 > FURTHEST {
            return Err(Status::bad_request(format!("by: {by} is too far: at most {} at once", Span(FURTHEST))));
        }
        let before = self.journal.count();
        self.order(Order::Advance(by.0)).await?;
        Ok(json!({"now": clock::now().to_string(), "events": self.journal.count() - before}))
    }

    async fn inject(&self, ask: &AnnexRequest) -> Result<Value, Status> {
        let text = std::str::from_utf8(&ask.body).map_err(|error| Status::bad_request(error.to_string()))?;
        let deed: Deed = text.parse().map_err(|why: String| Status::bad_request(why))?;
        let name = deed.name();
        self.order(Order::Inject(Box::new(deed))).await?;
        Ok(json!({"now": clock::now().to_string(), "did": name}))
    }
}

impl Annex for Controls {
    fn prefix(&self) -> &'static str {
        "/debug/sim"
    }

    fn enter(&self) {
        self.time.clone().follow();
    }

    fn before_write(&self) -> BoxFuture<'_, ()> {
        // Without a world nothing is answered anyway.
        self.order(Order::Settle).map(drop).boxed()
    }

    fn answer(&self, ask: AnnexRequest) -> BoxFuture<'_, Result<Value, Status>> {
        async move {
            match (ask.method.as_str(), ask.path.as_str()) {
                ("GET", "" | "/") => Ok(json!({"seed": self.seed, "now": clock::now().to_string(), "events": self.journal.count()})),
                ("GET", "/journal") => {
                    let since = ask.query.text("since");
                    let since = if since.is_empty() { Ok(0) } else { since.parse() };
                    Ok(self.tail.since(since.map_err(|_| Status::bad_request("since: this is no number of an entry"))?))
                }
                ("POST", "/advance") => self.advance(&ask).await,
                ("POST", "/inject") => self.inject(&ask).await,
                (_, "" | "/" | "/journal" | "/advance" | "/inject") => Err(Status::method_not_allowed()),
                _ => Err(Status::bad_request(
                    "there are GET /debug/sim and /debug/sim/journal?since=N, POST /debug/sim/advance?by=30s and /debug/sim/inject",
                )),
            }
        }
        .boxed()
    }
}

/// Founds a world on a thread of its own, as a script says: its nodes, load, manifests and what another cluster had. What the script does
/// happens as the clock is advanced. The door is given out once the world can be entered; the world ends when `end` resolves.
pub fn serve(script: Script, identity: Arc<Identity>, end: oneshot::Receiver<()>) -> oneshot::Receiver<Result<Arc<Door>, String>> {
    let (ready, is_ready) = oneshot::channel();
    std::thread::spawn(move || {
        let setup = Setup { journal: Journal::new(false), tokens: Some(identity.tokens.clone()), ..script.setup() };
        run(setup, |cluster| live(cluster, script, identity, ready, end));
    });
    is_ready
}

async fn live(
    cluster: Arc<Cluster>,
    script: Script,
    identity: Arc<Identity>,
    ready: oneshot::Sender<Result<Arc<Door>, String>>,
    end: oneshot::Receiver<()>,
) {
    let (orders, asked) = mpsc::unbounded_channel();
    let tail = Tail::default();
    cluster.journal.call(Box::new(tail.clone()));
    let time = clock::shared().expect("a simulated cluster lives in simulated time");
    let controls = Controls { orders, time, journal: cluster.journal.clone(), tail, seed: script.seed };
    let door = Arc::new(Door::with(controls));
    for object in cluster.load.manifests().iter().chain(&script.scenario.manifests) {
        if let Err(status) = cluster.apply(object).await {
            // Who waits for the door hears of it.
            let _ = ready.send(Err(format!("the scenario's objects are refused: {status}")));
            return;
        }
    }
    cluster.pass(FOUNDING).await;
    cluster.let_in(Entrance { door: door.clone(), identity });
    let keeper = cluster.clone();
    let keeper = actix::spawn(async move { keeper.keep().await });
    let player = actix::spawn(play(cluster.clone(), script));
    if ready.send(Ok(door.clone())).is_ok() {
        tokio::select! {
            biased;
            _ = end => {}
            () = obey(&cluster, asked) => {}
        }
    }
    player.abort();
    keeper.abort();
    door.close();
}

/// Does what the script says, each at its time.
async fn play(cluster: Arc<Cluster>, script: Script) {
    let start = clock::instant();
    for step in script.steps {
        tokio::time::sleep_until(start + step.at.0).await;
        // What is refused is in the journal.
        let _ = cluster.inject(&step.deed).await;
    }
}

/// Carries orders out. In between the clock stands.
async fn obey(cluster: &Arc<Cluster>, mut asked: mpsc::UnboundedReceiver<Asked>) {
    let mut still = Stillness::begin();
    while let Some(Asked { order, mut answer }) = asked.recv().await {
        still.end().await;
        let done = match order {
            Order::Settle => {
                cluster.pass(INSTANT).await;
                Ok(())
            }
            Order::Advance(by) => {
                // Who has gone does not hold up those who come after.
                tokio::select! {
                    biased;
                    () = answer.closed() => {}
                    () = cluster.pass(by) => {}
                }
                Ok(())
            }
            Order::Inject(deed) => match cluster.knows(&deed) {
                Ok(()) => tokio::time::timeout(PATIENCE, cluster.inject(&deed)).await.unwrap_or_else(|_| {
                    let why = format!("{} was not answered within {} s", deed.name(), PATIENCE.as_secs());
                    Err(Status::new(504, Reason::Timeout, why))
                }),
                Err(why) => Err(Status::bad_request(why)),
            },
        };
        still = Stillness::begin();
        // Who asked may have gone.
        let _ = answer.send(done);
    }
}

/// While it lasts the clock stands.
struct Stillness {
    end: std::sync::mpsc::Sender<()>,
    task: JoinHandle<()>,
}

impl Stillness {
    fn begin() -> Self {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        // Tokio moves a paused clock only while nothing blocks. Nobody ever sends: it ends when the sender is dropped.
        let task = tokio::task::spawn_blocking(move || _ = ended.recv());
        Self { end, task }
    }

    async fn end(self) {
        drop(self.end);
        // It cannot fail: it does nothing.
        let _ = self.task.await;
    }
}

//! Lives through a recording of a live cluster again, in simulated time: the same nodes, the same seeds, the same requests at their times;
//! containers do what they did, actors die when they died, the process starts and ends when it did. Then it is judged whether the objects
//! fared as they did before ([`history`]).

mod history;
mod identities;
mod past;
mod plot;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

pub use history::{Difference, History};
pub(super) use past::{FoundAgain, Past};
pub use plot::Plot;
use plot::Step;

use super::cluster::{Cluster, Setup, run};
use super::halt::Lookout;
use super::invariants;
use super::journal::{Entry, Event, Journal, Outcome as Answer, Request, Witness};
use super::rehearsal::{Outcome, Watching, passes};
use super::watchdog::Watchdog;
use crate::api::client::Patch;
use crate::api::verbs::{Api, Change, Mutation, User};
use crate::runtime::clock;
use crate::runtime::store::Stored;

/// What was under way when the recording ended is let finish.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// What came of a replay.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How many objects were compared, and their states in the recording.
    pub objects: usize,
    pub states: usize,
    /// How objects fared otherwise than in the recording, the earliest first. Of a run that was stopped nothing is said.
    pub differences: Vec<Difference>,
}

/// Writes down how the objects fare.
#[derive(Clone, Default)]
struct Chronicler(Arc<Mutex<History>>);

impl Witness for Chronicler {
    fn see(&mut self, entry: &Entry) {
        if let Event::Commit { key, value, .. } = &entry.event {
            self.0.lock().take(entry.time, key, value.as_deref());
        }
    }
}

/// Replays a recording. The same recording gives the same outcome and journal.
///
/// # Errors
/// It cannot be halted where it should be.
pub fn replay(name: &str, plot: &Arc<Plot>, watching: &Watching) -> Result<(Replayed, Journal), String> {
    let until = watching.halt.until.map(|until| until.since(plot.begun)).transpose()?.map(|span| span + plot.warm_up());
    let (watchdog, lookout) = (Watchdog::new(invariants::all(), watching.clock.clone()), Lookout::new(watching.halt.on.clone()));
    let chronicler = Chronicler::default();
    let setup = Setup {
        epoch: plot.begun - plot.warm_up(),
        journal: Journal::new(watching.keeps_journal),
        replay: Some(plot.clone()),
        ..Setup::new(0, u32::try_from(plot.nodes.len()).unwrap_or(u32::MAX))
    };
    setup.journal.call(Box::new(plot.given.clone()));
    setup.journal.call(Box::new(watchdog.clone()));
    setup.journal.call(Box::new(chronicler.clone()));
    setup.journal.call(Box::new(lookout.clone()));
    let story = |cluster: Arc<Cluster>| {
        let (lookout, plot, watchdog) = (lookout.clone(), plot.clone(), watchdog.clone());
        async move {
            let start = clock::instant();
            let halted = tokio::select! {
                biased;
                () = lookout.found() => Some(lookout.report(&cluster.journal, clock::now())),
                () = passes(until) => Some(lookout.report(&cluster.journal, clock::now())),
                () = play(&cluster, &plot, &watchdog) => None,
            };
            (start.elapsed(), halted)
        }
    };
    let ((elapsed, halted), journal) = run(setup, story);
    let outcome = Outcome {
        scenario: name.to_owned(),
        seed: 0,
        virtual_seconds: elapsed.as_secs_f64(),
        statistics: watchdog.statistics(),
        checks: watchdog.checks(),
        violation: watchdog.violation(),
        landings: None,
        halted,
        digest: journal.digest(),
    };
    let (objects, states) = plot.history.size();
    let differences = match outcome.halted {
        None => plot.history.differences(&chronicler.0.lock().since(plot.begun), plot.begun, plot.ended),
        Some(_) => Vec::new(),
    };
    Ok((Replayed { outcome, objects, states, differences }, journal))
}

/// Does what came from outside, each at its time.
async fn play(cluster: &Arc<Cluster>, plot: &Plot, watchdog: &Watchdog) {
    tokio::time::sleep(plot.warm_up()).await;
    plot.live(1);
    let start = clock::instant();
    for (number, (at, step)) in plot.steps.iter().enumerate() {
        tokio::time::sleep_until(start + *at).await;
        cluster.journal.write(Event::Deed { number, what: step.to_string() });
        watchdog.did(step.name().to_owned());
        take(cluster, number, step).await;
    }
    let whole = Duration::try_from(plot.ended.duration_since(plot.begun)).unwrap_or_default();
    tokio::time::sleep_until(start + whole + AFTERWARDS).await;
}

async fn take(cluster: &Arc<Cluster>, number: usize, step: &Step) {
    match step {
        Step::Ask { user, mutation } => {
            // Others do not wait for the answer.
            let (cluster, user, mutation) = (cluster.clone(), user.clone(), mutation.clone());
            actix::spawn(async move { ask(&cluster, number, &user, *mutation).await });
        }
        Step::Kill(actor) => {
            if !cluster.faces().is_some_and(|faces| faces.root.kill(actor)) {
                cluster.journal.write(Event::Deed { number, what: format!("there is no actor {actor} here") });
            }
        }
        Step::EndSandbox { node, owner, attempt } => {
            cluster.machines.named(node).iter().for_each(|machine| machine.runtime.end_sandbox(owner, *attempt));
        }
        Step::Outage { node, why } => {
            cluster.machines.named(node).iter().for_each(|machine| machine.runtime.set_outage(why.clone()));
        }
        Step::Keep { node, sandboxes, containers } => {
            cluster.machines.named(node).iter().for_each(|machine| machine.runtime.keep(sandboxes, containers));
        }
        Step::Stop => cluster.stop().await,
        Step::Crash => cluster.crash().await,
        Step::Start { forgets } => {
            if *forgets {
                cluster.disk.forget();
            }
            cluster.start().await;
        }
    }
}

/// Asks for what was asked for, as who did.
async fn ask(cluster: &Cluster, number: usize, user: &User, mut mutation: Mutation) {
    let Some(api) = cluster.faces().and_then(|faces| faces.api) else {
        cluster.journal.write(Event::Deed { number, what: "nobody answers".to_owned() });
        return;
    };
    bring_up_to_date(&mut mutation, &api).await;
    let id = cluster.network.number();
    let collection = mutation.resolve(&api.registry()).map_or_else(|_| "".into(), |kind| kind.collection.clone());
    let path = [&*mutation.namespace, &*mutation.name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let request = Arc::new(Request {
        user: user.name.as_str().into(),
        verb: mutation.verb(),
        collection,
        path: path.into(),
        subresource: mutation.subresource.as_str().into(),
        revision: "".into(),
        is_partial: true,
    });
    cluster.journal.write(Event::Asked { id, request: request.clone() });
    let outcome = match mutation.ask(&api, user).await {
        Ok(()) => Answer::Other,
        Err(status) => Answer::Refused(status.code),
    };
    cluster.journal.write(Event::Answered { id, request, outcome });
}

/// Whoever depended on a revision and was right then depends on the newest one now.
async fn bring_up_to_date(mutation: &mut Mutation, api: &Api) {
    let Ok(kind) = mutation.resolve(&api.registry()) else { return };
    let newest = api.get(&kind, &mutation.namespace, &mutation.name).await.map(|object| object.revision().to_string());
    let body = match &mut mutation.change {
        Change::Update { body, .. } => body,
        Change::Patch { patch: Patch::Merge(body) | Patch::Strategic(body) | Patch::Apply(body), .. } => body,
        Change::Patch { patch: Patch::Json(steps), .. } => {
            let steps = steps.as_array_mut().into_iter();
            steps.for_each(|steps| steps.retain(|step| step["path"] != "/metadata/resourceVersion"));
            return;
        }
        Change::Delete { options } => {
            options.resource_version = None;
            return;
        }
        Change::Create { .. } | Change::Order { .. } | Change::DeleteCollection { .. } => return,
    };
    let revision = body.pointer_mut("/metadata/resourceVersion").filter(|revision| revision.is_string());
    if let (Some(revision), Ok(newest)) = (revision, newest) {
        *revision = newest.into();
    }
}

impl Step {
    /// As it is counted.
    fn name(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "request",
            Self::Kill(_) => "kill-actor",
            Self::EndSandbox { .. } => "end-sandbox",
            Self::Outage { .. } => "engine-outage",
            Self::Keep { .. } => "look",
            Self::Stop => "stop",
            Self::Crash => "crash",
            Self::Start { .. } => "start",
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ask { user, mutation } => {
                let Mutation { kind, namespace, name, subresource, .. } = &**mutation;
                write!(f, "{} asks to {} {kind} {namespace}/{name} {subresource}", user.name, mutation.verb())
            }
            Self::Kill(actor) => write!(f, "{actor} is killed"),
            Self::EndSandbox { node, owner, attempt } => write!(f, "sandbox {attempt} of {owner} on {node} ends"),
            Self::Outage { node, why: Some(why) } => write!(f, "the container runtime of {node} does not answer: {why}"),
            Self::Outage { node, why: None } => write!(f, "the container runtime of {node} answers again"),
            Self::Keep { node, containers, .. } => write!(f, "on {node} {} containers are left", containers.len()),
            Self::Stop => f.write_str("the process is asked to stop"),
            Self::Crash => f.write_str("the process is killed"),
            Self::Start { .. } => f.write_str("the process is started"),
        }
    }
}

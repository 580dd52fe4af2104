//! Runs a script: founds the cluster, brings its load up, does what is to be done, and judges it all the while and when it has come to rest.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;

use super::cluster::{Cluster, Setup, run};
use super::deeds::{Deed, Undo};
use super::halt::{Halt, Halted, Lookout};
use super::invariants::{self, Broken, Invariant, Rest};
use super::journal::{Event, Journal};
use super::landing::{Landings, landings};
use super::scenario::{ScenarioError, Script};
use super::statistics::Statistics;
use super::watchdog::{Violation, Watchdog};
use crate::runtime::clock;
use crate::runtime::supervision::Tree;

/// How long a user waits for an answer before giving up.
const PATIENCE: Duration = Duration::from_secs(10);
/// It counts as at rest once nothing was written for so long: a probe needs half a minute to find out that a container does nothing.
const CALM: Duration = Duration::from_secs(60);
/// A cluster at rest writes nothing for so long.
const QUIET: Duration = Duration::from_secs(600);

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub scenario: String,
    pub seed: u64,
    /// Simulated time, in seconds.
    pub virtual_seconds: f64,
    pub statistics: Statistics,
    /// How often each invariant was held against something.
    pub checks: BTreeMap<String, u64>,
    pub violation: Option<Violation>,
    /// What became of the pods of another cluster, if the run went on from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landings: Option<Landings>,
    /// It was stopped before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
    /// Of the full event log.
    pub digest: String,
}

/// How a run is watched.
#[derive(Clone, Default)]
pub struct Watching {
    /// Keep the whole journal.
    pub keeps_journal: bool,
    /// The simulated time that has passed, in milliseconds.
    pub clock: Arc<AtomicU64>,
    /// Where it stops before its end; the journal has to be kept for it.
    pub halt: Halt,
}

/// Controllers come to rest, and then leave it at that.
struct Convergence;

impl Invariant for Convergence {
    fn name(&self) -> &'static str {
        "controllers-converge"
    }

    fn source(&self) -> &'static str {
        "Controllers, \"Desired versus current state\""
    }
}

/// A cluster at rest writes nothing but heartbeats.
struct Quiet;

impl Invariant for Quiet {
    fn name(&self) -> &'static str {
        "rest-is-quiet"
    }

    fn source(&self) -> &'static str {
        "Controllers: a control loop acts only where current and desired state differ"
    }
}

/// Runs a script to its end, or to the first broken invariant. The same script gives the same outcome and journal.
///
/// # Errors
/// The scenario cannot be run.
///
/// # Panics
/// The load itself cannot be created: the API is broken from the start.
pub fn rehearse(script: &Script, watching: &Watching) -> Result<(Outcome, Journal), ScenarioError> {
    script.check()?;
    let mut judges = invariants::all();
    for rule in &script.scenario.invariants {
        judges.push(rule.compile()?);
    }
    let watchdog = Watchdog::new(judges, watching.clock.clone());
    let setup = Setup { journal: Journal::new(watching.keeps_journal), ..script.setup() };
    let until = watching.halt.until.map(|until| until.since(setup.epoch)).transpose().map_err(ScenarioError::Impossible)?;
    let lookout = Lookout::new(watching.halt.on.clone());
    setup.journal.call(Box::new(watchdog.clone()));
    setup.journal.call(Box::new(lookout.clone()));
    let story = |cluster: Arc<Cluster>| {
        let stage = Stage {
            watchdog: watchdog.clone(),
            script: script.clone(),
            cluster,
            landings: RefCell::default(),
            impossible: RefCell::default(),
        };
        let lookout = lookout.clone();
        async move {
            let start = clock::instant();
            let mut halted = None;
            let keeper = stage.cluster.clone();
            let keeper = actix::spawn(async move { keeper.keep().await });
            tokio::select! {
                biased;
                () = stage.watchdog.violated() => {}
                () = lookout.found() => halted = Some(lookout.report(&stage.cluster.journal, clock::now())),
                () = passes(until) => halted = Some(lookout.report(&stage.cluster.journal, clock::now())),
                () = stage.play() => {}
            }
            keeper.abort();
            stage.look();
            (start.elapsed(), halted, stage.landings.into_inner(), stage.impossible.into_inner())
        }
    };
    let ((elapsed, halted, landings, impossible), journal) = run(setup, story);
    if let Some(why) = impossible {
        return Err(ScenarioError::Impossible(why));
    }
    let outcome = Outcome {
        scenario: script.scenario.name.clone(),
        seed: script.seed,
        virtual_seconds: elapsed.as_secs_f64(),
        statistics: watchdog.statistics(),
        checks: watchdog.checks(),
        violation: watchdog.violation(),
        landings,
        halted,
        digest: journal.digest(),
    };
    Ok((outcome, journal))
}

/// Resolves when so much time has passed; never if there is no limit.
pub(super) async fn passes(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// A run that goes on.
struct Stage {
    cluster: Arc<Cluster>,
    watchdog: Watchdog,
    script: Script,
    /// What became of another cluster's pods, once that was looked for.
    landings: RefCell<Option<Landings>>,
    /// Why the scenario cannot be run, if that shows only once it is.
    impossible: RefCell<Option<String>>,
}

impl Stage {
    async fn play(&self) {
        if !self.found().await {
            return;
        }
        let founded = self.founded();
        self.timeline().await;
        self.cluster.relent();
        if !self.rests().await {
            return;
        }
        self.judge(&founded);
        let rested = clock::instant();
        self.cluster.pass(QUIET).await;
        if let Some(busy) = self.watchdog.scene(|scene| scene.busy).filter(|busy| *busy > rested) {
            let last = self.watchdog.scene(|scene| scene.last.clone());
            let broken = Broken { what: format!("it wrote {:.1?} after it had come to rest", busy - rested), key: last };
            self.watchdog.accuse(&Quiet, broken, clock::now());
            return;
        }
        self.judge(&founded);
    }

    /// Brings the load up. False if the scenario's objects are none.
    async fn found(&self) -> bool {
        let manifests = self.cluster.load.manifests();
        let place = |number: usize| match number.checked_sub(manifests.len()) {
            Some(number) => format!("manifests[{number}]"),
            None => "the load".to_owned(),
        };
        for (number, object) in manifests.iter().chain(&self.script.scenario.manifests).enumerate() {
            if let Err(status) = self.cluster.apply(object).await {
                if (400..500).contains(&status.code) {
                    self.impossible.replace(Some(format!("{}: {status}", place(number))));
                    return false;
                }
                let broken = Broken { what: format!("the load is refused: {status}"), key: None };
                self.watchdog.accuse(&Convergence, broken, clock::now());
                std::future::pending::<()>().await;
            }
        }
        self.rests().await;
        true
    }

    /// The actors without which the process is not whole: not the workers of pods, nor what acts for who leads, which come and go.
    fn founded(&self) -> Vec<String> {
        let paths = self.cluster.root().paths();
        let comes_and_goes = |path: &str| path.contains("/pods/") || path.starts_with("/candidate ") && path.contains("/control-plane");
        paths.into_iter().filter(|path| !comes_and_goes(path)).collect()
    }

    /// Does what is to be done, each at its time, and ends what lasts.
    async fn timeline(&self) {
        let start = clock::instant();
        let mut steps: VecDeque<(usize, Deed, Duration)> =
            self.script.steps.iter().enumerate().map(|(number, step)| (number, step.deed.clone(), step.at.0)).collect();
        let mut ends: BTreeMap<(Duration, usize), Undo> = BTreeMap::new();
        loop {
            // What lasts longer is looked at while it does.
            let lasts = self.script.scenario.lasts.0;
            let next_step = steps.front().map(|(_, _, at)| *at);
            let next_end = ends.keys().next().copied();
            let due = match (next_step, next_end) {
                (None, None) => break,
                (Some(step), Some((end, _))) => step.min(end),
                (Some(due), None) | (None, Some((due, _))) => due,
            };
            if !lasts.is_zero() && due > lasts {
                tokio::time::sleep_until(start + lasts).await;
                self.look();
            }
            tokio::time::sleep_until(start + due).await;
            // What ends now makes room for what begins now.
            if let Some((key, undo)) = next_end.filter(|(end, _)| *end == due).and_then(|key| Some((key, ends.remove(&key)?))) {
                self.note(key.1, "ends".to_owned());
                self.cluster.undo(undo);
                continue;
            }
            let Some((number, deed, at)) = steps.pop_front() else { break };
            let undo = self.perform(number, &deed).await;
            if !deed.span().0.is_zero() {
                ends.insert((at + deed.span().0, number), undo);
            }
        }
        let lasts = self.script.scenario.lasts.0;
        tokio::time::sleep_until(start + lasts).await;
        if !lasts.is_zero() {
            self.look();
        }
    }

    /// Looks where the pods of another cluster are now, unless that was done before.
    fn look(&self) {
        let export = &self.script.export;
        if !export.is_empty() && self.landings.borrow().is_none() {
            let now = self.watchdog.scene(|scene| landings(&export.spots(), &scene.spots()));
            *self.landings.borrow_mut() = Some(now);
        }
    }

    async fn perform(&self, number: usize, deed: &Deed) -> Undo {
        let text = serde_json::to_string(deed).unwrap_or_default();
        self.note(number, text);
        self.watchdog.did(deed.name());
        if !deed.is_users() {
            return self.cluster.strike(deed).await;
        }
        // A user who gets no answer gives up, and others do not wait for that.
        let (cluster, deed) = (self.cluster.clone(), deed.clone());
        actix::spawn(async move {
            let what = match tokio::time::timeout(PATIENCE, cluster.act(&deed)).await {
                Ok(Ok(())) => return,
                Ok(Err(status)) => format!("{} is refused: {status}", deed.name()),
                Err(_) => format!("{} gets no answer", deed.name()),
            };
            cluster.journal.write(Event::Refused { number, what });
        });
        Undo::default()
    }

    fn note(&self, number: usize, what: String) {
        self.cluster.journal.write(Event::Deed { number, what });
    }

    /// Waits until the cluster has come to rest: what is to be done is done, and nothing was written for a while. False if it does not.
    async fn rests(&self) -> bool {
        // Somebody else's cluster may hold what nothing here can start.
        let may_pend = self.script.scenario.may_pend || !self.script.export.is_empty();
        let deadline = clock::instant() + self.script.scenario.converge.0;
        // What was done last may not have shown yet.
        self.cluster.pass(CALM).await;
        loop {
            self.cluster.pass(Duration::from_secs(1)).await;
            let (settled, busy) = self.watchdog.scene(|scene| (scene.settled(may_pend), scene.busy));
            let is_calm = busy.is_none_or(|busy| busy.elapsed() > CALM);
            let why = match settled {
                Ok(()) if is_calm && self.cluster.faces().is_some() => return true,
                Ok(()) => Broken { what: "it never leaves off writing".to_owned(), key: self.watchdog.scene(|scene| scene.last.clone()) },
                Err((key, what)) => Broken { what, key: Some(key) },
            };
            if clock::instant() >= deadline {
                let what = format!("{} after {}: {}", "it has not come to rest", self.script.scenario.converge, why.what);
                self.watchdog.accuse(&Convergence, Broken { what, ..why }, clock::now());
                return false;
            }
        }
    }

    fn judge(&self, founded: &[String]) {
        let Some(faces) = self.cluster.faces() else { return };
        let tree: Tree = faces.root.tree();
        let (machines, history) = (&self.cluster.machines, faces.store.extent());
        self.watchdog.judge(clock::now(), |scene, hold| hold(&Rest { scene, machines, tree: &tree, founded, history }));
    }
}

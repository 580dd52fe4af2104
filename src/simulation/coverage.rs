//! Kills the process just before and just after every write that one of the cast makes, and lets each write be decided by a view of the past.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use serde::Serialize;

use super::deeds::{Deed, Span, Step};
use super::journal::{Entry, Event, Request};
use super::network::Side;
use super::rehearsal::{Watching, rehearse};
use super::scenario::{Scenario, ScenarioError, Script};
use super::watchdog::Violation;

/// A place where one of the cast writes to the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Site {
    /// Of nodes, all count as one.
    pub user: String,
    pub verb: String,
    pub collection: String,
    pub subresource: String,
}

/// What was done at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blow {
    KilledBefore,
    KilledAfter,
    /// What wrote there saw nothing new for a while before.
    SawThePast,
}

/// A run with a blow at a site.
#[derive(Clone, Debug, Serialize)]
pub struct Covered {
    pub site: Site,
    pub blow: Blow,
    /// The blow fell there.
    pub hit: bool,
    pub violation: Option<Violation>,
}

/// For how long who writes sees nothing new.
const BLIND: Span = Span::seconds(20);
const SHORTLY: Duration = Duration::from_secs(1);

/// Runs a scenario once to see where the cast writes, and then with each blow at each of these places, on so many threads at once.
///
/// # Errors
/// The scenario cannot be run.
pub fn coverage(scenario: &Scenario, seed: u64, jobs: usize) -> Result<Vec<Covered>, ScenarioError> {
    let script = scenario.clone().script(seed);
    let (_, journal) = rehearse(&script, &Watching { keeps_journal: true, ..Watching::default() })?;
    let blows = [Blow::KilledBefore, Blow::KilledAfter, Blow::SawThePast];
    let sites = sites(&journal.entries());
    let todo: Vec<(Site, Duration, Blow)> = sites.into_iter().flat_map(|(site, at)| blows.map(|blow| (site.clone(), at, blow))).collect();
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result<(), ScenarioError> {
        while let Some((site, at, blow)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            all.lock().push(strike(&script, site, *at, *blow)?);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let mut all = all.into_inner();
    all.sort_by(|one, other| (&one.site, one.blow).cmp(&(&other.site, other.blow)));
    Ok(all)
}

/// Where the cast writes once the first deed is done, since what was written before that nobody can be asked to kill, and how long after that
/// for the first time.
fn sites(entries: &[Entry]) -> BTreeMap<Site, Duration> {
    let begun = entries.iter().position(|entry| matches!(entry.event, Event::Deed { .. })).unwrap_or(entries.len());
    let mut sites = BTreeMap::new();
    for entry in &entries[begun..] {
        let Event::Asked { request, .. } = &entry.event else { continue };
        if request.writes() && request.user.starts_with("system:") {
            let after = entry.time.duration_since(entries[begun].time);
            sites.entry(Site::of(request)).or_insert(Duration::try_from(after).unwrap_or_default());
        }
    }
    sites
}

impl Site {
    fn of(request: &Request) -> Self {
        let user = if request.user.starts_with("system:node:") { "system:node:" } else { &request.user };
        Self {
            user: user.to_owned(),
            verb: request.verb.to_owned(),
            collection: request.collection.to_string(),
            subresource: request.subresource.to_string(),
        }
    }
}

fn strike(script: &Script, site: &Site, first: Duration, blow: Blow) -> Result<Covered, ScenarioError> {
    let mut script = script.clone();
    let side = if blow == Blow::KilledBefore { Side::Before } else { Side::After };
    let deed = match blow {
        Blow::KilledBefore | Blow::KilledAfter => Deed::CrashAtRequest {
            user: site.user.clone(),
            verb: site.verb.clone(),
            collection: site.collection.clone(),
            subresource: Some(site.subresource.clone()),
            nth: 0,
            side,
        },
        Blow::SawThePast => Deed::Stale { span: BLIND },
    };
    let begun = script.steps.first().map_or(Span::default(), |step| step.at);
    // A view becomes one of the past shortly before what is written shows in it.
    let at = if blow == Blow::SawThePast { Span((begun.0 + first).saturating_sub(SHORTLY)) } else { begun };
    let place = script.steps.partition_point(|step| step.at < at);
    script.steps.insert(place, Step { at, deed });
    let (outcome, journal) = rehearse(&script, &Watching { keeps_journal: true, ..Watching::default() })?;
    let entries = journal.entries();
    let hit = match blow {
        Blow::KilledBefore | Blow::KilledAfter => {
            entries.iter().any(|entry| matches!(&entry.event, Event::Process { what } if what.ends_with("was killed at a request")))
        }
        Blow::SawThePast => sites(&entries).contains_key(site),
    };
    Ok(Covered { site: site.clone(), blow, hit, violation: outcome.violation })
}

/// The table of what was hit: a line a site, a column a blow.
pub fn table(all: &[Covered]) -> Vec<[String; 4]> {
    let mut rows: BTreeMap<&Site, [String; 3]> = BTreeMap::new();
    for covered in all {
        let cell = match (&covered.violation, covered.hit) {
            (Some(violation), _) => format!("BROKEN {}", violation.invariant),
            (None, true) => "hit".to_owned(),
            (None, false) => "missed".to_owned(),
        };
        rows.entry(&covered.site).or_default()[covered.blow as usize] = cell;
    }
    let name = |site: &Site| {
        let subresource = if site.subresource.is_empty() { String::new() } else { format!("/{}", site.subresource) };
        format!("{} {} {}{subresource}", site.user, site.verb, site.collection)
    };
    rows.into_iter().map(|(site, [before, after, past])| [name(site), before, after, past]).collect()
}

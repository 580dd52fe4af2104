//! Kills the process just before and just after every write that one of the cast makes, and lets each write be decided by a view of the past.

use std::collections::{BTreeMap, BTreeSet};

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

/// Runs a scenario once to see where the cast writes, and then with each blow at each of these places.
///
/// # Errors
/// The scenario cannot be run.
pub fn coverage(scenario: &Scenario, seed: u64, each: &mut dyn FnMut(&Covered)) -> Result<Vec<Covered>, ScenarioError> {
    let script = scenario.clone().script(seed);
    let (_, journal) = rehearse(&script, &Watching { keeps_journal: true, ..Watching::default() })?;
    let sites = sites(&journal.entries());
    let mut all = Vec::new();
    for site in sites {
        for blow in [Blow::KilledBefore, Blow::KilledAfter, Blow::SawThePast] {
            let covered = strike(&script, &site, blow)?;
            each(&covered);
            all.push(covered);
        }
    }
    Ok(all)
}

/// Where the cast writes once the first deed is done: what was written before that nobody can be asked to kill.
fn sites(entries: &[Entry]) -> BTreeSet<Site> {
    let begun = entries.iter().position(|entry| matches!(entry.event, Event::Deed { .. })).unwrap_or(entries.len());
    let asked = entries[begun..].iter().filter_map(|entry| match &entry.event {
        Event::Asked { request, .. } if request.writes() && request.user.starts_with("system:") => Some(Site::of(request)),
        _ => None,
    });
    asked.collect()
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

fn strike(script: &Script, site: &Site, blow: Blow) -> Result<Covered, ScenarioError> {
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
    let at = script.steps.first().map_or(Span::default(), |step| step.at);
    script.steps.insert(0, Step { at, deed });
    let (outcome, journal) = rehearse(&script, &Watching { keeps_journal: true, ..Watching::default() })?;
    let entries = journal.entries();
    let hit = match blow {
        Blow::KilledBefore | Blow::KilledAfter => {
            entries.iter().any(|entry| matches!(&entry.event, Event::Process { what } if what.ends_with("was killed at a request")))
        }
        Blow::SawThePast => sites(&entries).contains(site),
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

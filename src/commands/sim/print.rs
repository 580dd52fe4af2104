//! What a run says of itself.

use std::time::Duration;

use serde_json::json;

use super::Output;
use crate::commands::print::Columns;
use crate::simulation::{Fate, Halted, Journal, Landing, Landings, Replayed, RunOutcome, Violation};

/// Of the events that touched an object, so many are shown.
const EVENTS: usize = 20;

/// Prints a run, and, if an invariant was broken, what led to it. `again` is the command that replays it.
pub fn outcome(output: Output, outcome: &RunOutcome, wall: Duration, failure: Option<(&Journal, &str)>) {
    if output == Output::Json {
        let mut value = json!(outcome);
        value["wallSeconds"] = json!(wall.as_secs_f64());
        if let (Some((journal, again)), Some(violation)) = (failure, &outcome.violation) {
            value["lastEvents"] = json!(touching(journal, violation));
            value["replay"] = json!(again);
        }
        say!("{value}");
        return;
    }
    text(outcome, wall, &format!("{} seed {}", outcome.scenario, outcome.seed));
    if let Some(landings) = &outcome.landings {
        say!("{}", landed(landings).trim_end());
    }
    if let Some(halted) = &outcome.halted {
        self::halted(halted);
    }
    if let Some((journal, again)) = failure {
        broken(outcome, journal, again);
    }
}

/// Prints the replay of a recording.
pub fn replayed(output: Output, replayed: &Replayed, wall: Duration, journal: &Journal, again: &str) {
    let outcome = &replayed.outcome;
    if output == Output::Json {
        let mut value = json!(replayed);
        value["wallSeconds"] = json!(wall.as_secs_f64());
        say!("{value}");
        return;
    }
    text(outcome, wall, &outcome.scenario);
    match (&outcome.halted, replayed.differences.first()) {
        (Some(halted), _) => self::halted(halted),
        (None, None) => {
            say!("  history     the same object history as recorded: {} objects, {} states", replayed.objects, replayed.states);
        }
        (None, Some(difference)) => {
            say!(
                "  history     DIFFERS in {} of {} objects, first in {}:",
                replayed.differences.len(),
                replayed.objects,
                difference.object
            );
            if let Some(time) = difference.time {
                say!("    time      {time}");
            }
            say!("    recorded  {}", difference.recorded);
            say!("    replayed  {}", difference.replayed);
        }
    }
    broken(outcome, journal, again);
}

/// What was broken, if anything was, and what led to it.
fn broken(outcome: &RunOutcome, journal: &Journal, again: &str) {
    if let Some(violation) = &outcome.violation {
        say!("\nbroken: {}", violation.invariant);
        say!("  {}", violation.what);
        if let Some(object) = &violation.object {
            say!("  of {object}");
        }
        say!("  at {}, event {} ({})", violation.time, violation.event, violation.source);
        say!("\nthe last events that touched it:");
        touching(journal, violation).iter().for_each(|line| say!("  {line}"));
        say!("\nagain: {again}");
    }
}

/// Where a run was stopped, and how it stood there.
fn halted(halted: &Halted) {
    say!("\nstopped at {}, after {} events", halted.time, halted.events);
    if let Some(at) = &halted.at {
        say!("  {}", shorten(at));
        match &halted.object {
            Some(object) => say!("\nthe object then:\n{object:#}"),
            None => say!("\nthe object is not there"),
        }
        say!("\nthe last events that touched it:");
    } else {
        say!("\nthe last events:");
    }
    halted.last_events.iter().for_each(|line| say!("  {}", shorten(line)));
}

fn text(outcome: &RunOutcome, wall: Duration, heading: &str) {
    let statistics = &outcome.statistics;
    let rate = statistics.events as f64 / wall.as_secs_f64();
    let verdict = match (&outcome.violation, &outcome.halted) {
        (Some(_), _) => "BROKEN",
        (None, Some(_)) => "stopped",
        (None, None) => "clean",
    };
    say!("{heading}: {verdict}");
    say!(
        "  time        {:.1} s simulated in {:.2} s ({:.0} times as fast)",
        outcome.virtual_seconds,
        wall.as_secs_f64(),
        outcome.virtual_seconds / wall.as_secs_f64()
    );
    say!(
        "  events      {} ({rate:.0}/s): {} commits, {} requests, {} watch events",
        statistics.events,
        statistics.commits,
        statistics.requests,
        statistics.deliveries
    );
    let list = |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    say!("  deeds       {}", list(statistics.deeds.iter().map(|(name, count)| format!("{name} {count}")).collect()));
    for refused in &statistics.refused {
        say!("  refused     {refused}");
    }
    if statistics.refusals > statistics.refused.len() as u64 {
        say!("  refused     {} more", statistics.refusals - statistics.refused.len() as u64);
    }
    say!("  checks      {}", list(outcome.checks.iter().map(|(name, count)| format!("{name} {count}")).collect()));
    say!("  pods        {}", list(statistics.pods.iter().map(|(phase, count)| format!("{phase} {count}")).collect()));
    let latency = |name: &str, of: &crate::simulation::Latencies| format!("{name} {:.3} s, p99 {:.3} s (of {})", of.p50, of.p99, of.count);
    say!("  latencies   {}; {}", latency("bound after p50", &statistics.scheduling), latency("running after p50", &statistics.starting));
    say!(
        "  restarts    containers {}, actors {}, process {}",
        statistics.container_restarts,
        statistics.panics,
        statistics.process_starts.saturating_sub(1)
    );
    say!("  digest      {}", outcome.digest);
}

/// Where the pods of another cluster are, a line for each that is not where it was.
fn landed(landings: &Landings) -> String {
    let count = |fate| landings.count(fate);
    let mut text = format!(
        "  landed      {} moved, {} placed, {} pending, {} failed, {} gone, {} where they were\n",
        count(Fate::Moved),
        count(Fate::Placed),
        count(Fate::Pending),
        count(Fate::Failed),
        count(Fate::Gone),
        landings.stayed
    );
    let mut columns = Columns::default();
    for Landing { pod, fate, replaces, from, to, why } in &landings.pods {
        let to = match (fate, to) {
            (Fate::Pending, _) => "pending",
            (Fate::Failed, _) => "failed",
            (Fate::Gone, _) => "gone",
            (_, to) => to.as_deref().unwrap_or_default(),
        };
        let place = replaces.as_ref().map(|replaced| format!("in the place of {replaced}"));
        let note: Vec<&str> = place.as_deref().into_iter().chain(Some(&**why).filter(|why| !why.is_empty())).collect();
        let from = from.as_deref().unwrap_or("nowhere");
        columns.row([format!("    {pod}"), format!("{from} -> {to}"), note.join(": ")]);
    }
    text.push_str(&columns.text());
    text
}

/// The last events up to a violation that name its object; all events if it is about none.
fn touching(journal: &Journal, violation: &Violation) -> Vec<String> {
    let entries = journal.entries();
    let upto = entries.len().min(violation.event as usize + 1);
    let object = violation.object.clone().unwrap_or_default();
    let path = object.split_once('/').map_or(&*object, |(_, path)| path);
    let lines = entries[..upto].iter().rev().map(ToString::to_string).filter(|line| line.contains(path)).take(EVENTS);
    let mut lines: Vec<String> = lines.map(|line| shorten(&line)).collect();
    lines.reverse();
    lines
}

/// An object's bytes are long: enough of them to recognise it.
fn shorten(line: &str) -> String {
    const LONGEST: usize = 240;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

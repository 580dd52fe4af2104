//! A run as one page that a person can read: who asked what and when, what was done to the cluster, and how the objects fared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::journal::{ContainerChange, Entry, Event, Outcome};
use super::rehearsal::Outcome as RunOutcome;
use super::scene::{Details, Scene, View};

const PAGE: &str = include_str!("page.html");

/// What the page draws.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    outcome: &'a RunOutcome,
    /// RFC 3339.
    begun: String,
    lanes: Vec<Lane>,
    objects: Vec<Bar>,
}

/// Everything that one of the cast did.
#[derive(Serialize)]
struct Lane {
    name: String,
    marks: Vec<Mark>,
}

#[derive(Serialize)]
struct Mark {
    /// Milliseconds since the beginning.
    at: i64,
    /// How it is coloured: `deed`, `read`, `write`, `refused`, `lost`, `started`, `ended`, `panic`, `process`.
    kind: &'static str,
    text: String,
}

/// How an object fared: its states, each from a time on.
#[derive(Serialize)]
struct Bar {
    name: String,
    states: Vec<(i64, String)>,
}

/// The page of a run whose journal was kept.
pub fn report(outcome: &RunOutcome, entries: &[Entry]) -> String {
    let begun = entries.first().map_or(Timestamp::UNIX_EPOCH, |entry| entry.time);
    let mut lanes: BTreeMap<(u8, String), Vec<Mark>> = BTreeMap::new();
    let mut bars: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    let mut scene = Scene::default();
    for entry in entries {
        let at = i64::try_from(entry.time.duration_since(begun).as_millis()).unwrap_or(0);
        let change = scene.take(entry);
        if let Event::Commit { key, .. } = &entry.event {
            if let Some(state) = state(change.before.as_deref(), change.after.as_deref()) {
                let states = bars.entry(key.to_string()).or_default();
                if states.last().is_none_or(|(_, last)| *last != state) {
                    states.push((at, state));
                }
            }
        } else if let Some((rank, lane, kind)) = lane(&entry.event) {
            lanes.entry((rank, lane)).or_default().push(Mark { at, kind, text: entry.event.to_string() });
        }
    }
    let report = Report {
        outcome,
        begun: begun.to_string(),
        lanes: lanes.into_iter().map(|((_, name), marks)| Lane { name, marks }).collect(),
        objects: bars.into_iter().map(|(name, states)| Bar { name, states }).collect(),
    };
    let data = serde_json::to_string(&report).expect("a report is plain data");
    // Nothing in the data can end the script that it stands in.
    PAGE.replace("/*DATA*/null", &data.replace("</", "<\\/"))
}

/// Where an event is drawn, in which order, and how.
fn lane(event: &Event) -> Option<(u8, String, &'static str)> {
    match event {
        Event::Deed { .. } => Some((0, "deeds".to_owned(), "deed")),
        Event::Refused { .. } => Some((0, "deeds".to_owned(), "refused")),
        Event::Process { .. } | Event::Recovered(_) => Some((1, "process".to_owned(), "process")),
        Event::Panicked { actor, .. } => Some((2, format!("panics: {actor}"), "panic")),
        Event::Answered { request, outcome, .. } => {
            let kind = match outcome {
                Outcome::Lost => "lost",
                Outcome::Refused(_) => "refused",
                _ if request.writes() => "write",
                _ => "read",
            };
            Some((3, request.user.to_string(), kind))
        }
        Event::Container { node, what, .. } => {
            let kind = if *what == ContainerChange::Started { "started" } else { "ended" };
            Some((4, format!("containers of {node}"), kind))
        }
        Event::Commit { .. } | Event::Asked { .. } | Event::Delivered { .. } => None,
    }
}

/// What an object's bar says from now on; `None` for kinds that have none.
fn state(before: Option<&View>, after: Option<&View>) -> Option<String> {
    let view = after.or(before)?;
    let state = match &view.details {
        Details::Other | Details::Slice(_) | Details::Service(_) => return None,
        _ if after.is_none() => "gone".to_owned(),
        _ if view.meta.deletion_timestamp.is_some() => "terminating".to_owned(),
        Details::Pod(pod) if pod.phase == "Running" => if pod.ready { "ready" } else { "running" }.to_owned(),
        Details::Pod(pod) if pod.phase == "Pending" && !pod.node.is_empty() => "bound".to_owned(),
        Details::Pod(pod) => pod.phase.to_lowercase(),
        Details::Node(node) => if node.ready { "ready" } else { "not ready" }.to_owned(),
        Details::Controller(controller) => format!("{} of {} ready", controller.ready, controller.replicas),
    };
    Some(state)
}

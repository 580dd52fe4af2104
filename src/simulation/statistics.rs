//! The figures of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::invariants::Moment;
use super::journal::Event;
use super::scene::{Details, Scene};

/// So many refusals are told, the others counted.
const REFUSED: usize = 10;

/// What is counted while a run goes on.
#[derive(Default)]
pub struct Tally {
    pub deeds: BTreeMap<String, u64>,
    pub process_starts: u64,
    pub panics: u64,
    refused: Vec<String>,
    refusals: u64,
    commits: u64,
    requests: u64,
    deliveries: u64,
    /// By UID: when a pod was created.
    created: BTreeMap<String, Timestamp>,
    scheduling: Vec<Duration>,
    starting: Vec<Duration>,
}

/// The figures of a run that has ended.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    pub events: u64,
    pub commits: u64,
    pub requests: u64,
    pub deliveries: u64,
    /// How often each deed was done.
    pub deeds: BTreeMap<String, u64>,
    /// What users asked for and did not get: the first of them, and how many there were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    pub refusals: u64,
    pub process_starts: u64,
    /// Of actors, those that were asked for included.
    pub panics: u64,
    pub pods: BTreeMap<String, u64>,
    /// Of the containers of the pods that there are.
    pub container_restarts: i64,
    /// From a pod's creation to its binding.
    pub scheduling: Latencies,
    /// From a pod's creation until it runs.
    pub starting: Latencies,
}

/// Of simulated time, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latencies {
    pub count: usize,
    pub p50: f64,
    pub p99: f64,
}

impl Tally {
    pub fn see(&mut self, moment: &Moment<'_>) {
        match &moment.entry.event {
            Event::Refused { what, .. } => {
                self.refusals += 1;
                if self.refused.len() < REFUSED {
                    self.refused.push(what.clone());
                }
            }
            Event::Asked { .. } => self.requests += 1,
            Event::Delivered { .. } => self.deliveries += 1,
            Event::Panicked { .. } => self.panics += 1,
            Event::Commit { .. } => {
                self.commits += 1;
                self.pod(moment);
            }
            Event::Process { what } if what.ends_with("starts") => self.process_starts += 1,
            _ => {}
        }
    }

    fn pod(&mut self, moment: &Moment<'_>) {
        let now = moment.entry.time;
        let (before, after) = (moment.change.before.as_deref(), moment.change.after.as_deref());
        let Some((view, Details::Pod(pod))) = after.map(|after| (after, &after.details)) else {
            if let Some((view, Details::Pod(_))) = before.map(|before| (before, &before.details)) {
                self.created.remove(&view.meta.uid);
            }
            return;
        };
        let was = match before.map(|before| &before.details) {
            Some(Details::Pod(was)) => was,
            _ => {
                self.created.insert(view.meta.uid.clone(), now);
                return;
            }
        };
        let Some(created) = self.created.get(&view.meta.uid) else { return };
        let since = Duration::try_from(now.duration_since(*created)).unwrap_or_default();
        if was.node.is_empty() && !pod.node.is_empty() {
            self.scheduling.push(since);
        }
        if was.phase == "Pending" && pod.phase == "Running" {
            self.starting.push(since);
        }
    }

    pub fn total(&self, events: u64, scene: &Scene) -> Statistics {
        let mut pods = BTreeMap::new();
        scene.pods().for_each(|(_, _, pod)| *pods.entry(pod.phase.clone()).or_default() += 1);
        Statistics {
            events,
            commits: self.commits,
            requests: self.requests,
            deliveries: self.deliveries,
            deeds: self.deeds.clone(),
            refused: self.refused.clone(),
            refusals: self.refusals,
            process_starts: self.process_starts,
            panics: self.panics,
            pods,
            container_restarts: scene.pods().map(|(_, _, pod)| pod.restarts).sum(),
            scheduling: Latencies::of(&self.scheduling),
            starting: Latencies::of(&self.starting),
        }
    }
}

impl Latencies {
    fn of(all: &[Duration]) -> Self {
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        let at = |share: f64| {
            sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
        };
        Self { count: sorted.len(), p50: at(0.5), p99: at(0.99) }
    }
}

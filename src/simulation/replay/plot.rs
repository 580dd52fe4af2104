//! What a recording amounts to: how things stood, what came from outside and when, and how the objects fared.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::history::History;
use super::identities::Given;
use super::past::{Past, Who};
use crate::api::verbs::{Change, Mutation, User};
use crate::runtime::recording::{Entry, ObjectRecord, Record, Recording, Start};
use crate::runtime::store::{self, Key, Revision};

/// All that it takes to live through a recording again.
pub struct Plot {
    pub begun: Timestamp,
    pub ended: Timestamp,
    /// Where its name server listened, if it had one.
    pub name_server: Option<SocketAddr>,
    /// With what its processes were started, in order.
    pub lives: Vec<Start>,
    pub nodes: Vec<Arc<Past>>,
    /// What stood in the store at the beginning.
    pub objects: Vec<store::Record>,
    pub given: Given,
    pub(super) steps: Vec<(Duration, Step)>,
    /// How the objects fared.
    pub(super) history: History,
    /// It begins in the middle of a process's life: what came before was dropped.
    pub is_partial: bool,
    /// How many records were lost while it was made.
    pub lost: u64,
}

/// A process that is started over pods that run needs so long to find out that they are ready.
const WARM_UP: Duration = Duration::from_secs(30);
/// The life of a process before the recording begins.
pub(super) const WARMING_UP: usize = 0;

/// What comes from outside.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Ask {
        user: User,
        mutation: Box<Mutation>,
    },
    /// Of an actor.
    Kill(String),
    EndSandbox {
        node: String,
        owner: String,
        attempt: u32,
    },
    Outage {
        node: String,
        why: Option<String>,
    },
    /// Of what a node has, only this is left: by owner and attempt, and by owner, name and attempt.
    Keep {
        node: String,
        sandboxes: BTreeSet<(String, u32)>,
        containers: BTreeSet<Who>,
    },
    Stop,
    Crash,
    /// The process starts, and has forgotten all, if its store does.
    Start {
        forgets: bool,
    },
}

/// Reads through a recording.
struct Reading {
    plot: Plot,
    nodes: BTreeMap<String, Past>,
    present: BTreeSet<Key>,
    /// The steps that ask, by the number of their request in this life of the process.
    asked: BTreeMap<u64, usize>,
    /// Asked and refused: nothing came of it.
    refused: BTreeSet<usize>,
    is_up: bool,
    last: Timestamp,
}

impl Plot {
    /// # Errors
    /// No process was started in the recording, or something in it cannot be done here.
    pub fn of(recording: &Recording) -> Result<Self, String> {
        let begun = recording.entries.first().map_or(Timestamp::UNIX_EPOCH, |entry| entry.at);
        if !recording.entries.iter().any(|entry| matches!(entry.record, Record::Start(_))) {
            return Err("no process was started in it: there is nothing to replay".to_owned());
        }
        let (history, given) = (History::default(), Given::default());
        let (lives, nodes, objects, steps) = Default::default();
        let is_partial = recording.is_partial;
        let plot = Self { begun, ended: begun, name_server: None, lives, nodes, objects, given, steps, history, is_partial, lost: 0 };
        let nodes = nodes_of(recording);
        let mut reading =
            Reading { plot, nodes, present: BTreeSet::new(), asked: BTreeMap::new(), refused: BTreeSet::new(), is_up: false, last: begun };
        for (number, entry) in recording.entries.iter().enumerate() {
            reading.read(entry).map_err(|what| format!("record {}: {what}", number + 1))?;
            reading.last = reading.last.max(entry.at);
        }
        Ok(reading.finish())
    }
}

impl Plot {
    /// The process begins its life of that number, from 0; how it was started.
    pub fn begin(&self, life: usize) -> Option<Start> {
        let warms_up = self.is_partial && life == 0;
        self.live(if warms_up { WARMING_UP } else { life + 1 });
        self.lives.get(life).cloned()
    }

    pub(super) fn live(&self, life: usize) {
        self.nodes.iter().for_each(|past| past.live(life));
    }

    /// How long before its beginning the process is started, so that it has come to rest by then.
    pub fn warm_up(&self) -> Duration {
        if self.is_partial { WARM_UP } else { Duration::ZERO }
    }
}

fn nodes_of(recording: &Recording) -> BTreeMap<String, Past> {
    let nodes = recording.entries.iter().filter_map(|entry| match &entry.record {
        Record::Node(node) => Some((node.name.clone(), Past::new(node.clone()))),
        _ => None,
    });
    nodes.collect()
}

impl Reading {
    fn read(&mut self, entry: &Entry) -> Result<(), String> {
        let begun = self.plot.begun;
        match &entry.record {
            Record::Start(start) => self.start(entry.at, start),
            Record::NameServer { address } => self.plot.name_server = Some(*address),
            Record::Stop => {
                self.is_up = false;
                self.step(entry.at, Step::Stop);
            }
            Record::Object(object) => self.object(entry.at, object),
            Record::Commit(object) => self.commit(entry.at, object),
            Record::Ask { id, user, what } => {
                let user: User = serde_json::from_value(user.clone()).map_err(|error| format!("its user: {error}"))?;
                let mutation: Mutation = serde_json::from_value(what.clone()).map_err(|error| format!("its request: {error}"))?;
                self.asked.insert(*id, self.plot.steps.len());
                self.step(entry.at, Step::Ask { user, mutation: Box::new(mutation) });
            }
            Record::Answer { id, code } => {
                let step = self.asked.remove(id);
                self.refused.extend(step.filter(|_| (400..500).contains(code)));
            }
            Record::Act(act) => self.on(&act.node, |past| past.act(act)),
            Record::Sandbox { node, sandbox } => {
                let mut ended = false;
                self.on(node, |past| ended = past.sandbox(sandbox, begun));
                if ended {
                    let (node, owner, attempt) = (node.clone(), sandbox.uid.clone(), sandbox.attempt);
                    self.step(entry.at, Step::EndSandbox { node, owner, attempt });
                }
            }
            Record::Container { node, container } => self.on(node, |past| past.container(container, begun)),
            Record::Present { node, sandboxes, containers } => self.present(node, sandboxes, containers),
            Record::Image { node, reference, image } => {
                self.on(node, |past| past.have(reference, image));
            }
            Record::Finding { owner, name, attempt, what, nth, good } => {
                let who = (owner.clone(), name.clone(), *attempt);
                let life = self.plot.lives.len();
                self.nodes.values_mut().for_each(|past| past.finding(who.clone(), life, what, *nth, *good));
            }
            Record::Outage { node, why } => self.step(entry.at, Step::Outage { node: node.clone(), why: why.clone() }),
            Record::Kill { actor, .. } | Record::Panic { actor, .. } => self.step(entry.at, Step::Kill(actor.clone())),
            Record::Lost { records } => self.plot.lost += records,
            Record::Node(_) | Record::SandboxGone { .. } | Record::ContainerGone { .. } => {}
        }
        Ok(())
    }

    fn step(&mut self, at: Timestamp, step: Step) {
        let at = Duration::try_from(at.duration_since(self.plot.begun)).unwrap_or_default();
        self.plot.steps.push((at, step));
    }

    fn on(&mut self, node: &str, work: impl FnOnce(&mut Past)) {
        if let Some(past) = self.nodes.get_mut(node) {
            work(past);
        }
    }

    fn start(&mut self, at: Timestamp, start: &Start) {
        if self.is_up {
            // Nobody wrote down when it was killed: after its last record.
            self.step(self.last, Step::Crash);
        }
        if !self.plot.lives.is_empty() {
            self.step(at, Step::Start { forgets: start.forgets });
        }
        self.plot.lives.push(start.clone());
        self.asked.clear();
        self.is_up = true;
    }

    /// What has gone from a node while no process looked after it is gone when the next one starts.
    fn present(&mut self, node: &str, sandboxes: &[String], containers: &[String]) {
        let started = self.plot.steps.iter().rposition(|(_, step)| matches!(step, Step::Start { .. }));
        let (Some(started), Some(past)) = (started, self.nodes.get(node)) else { return };
        let (sandboxes, containers) = past.named(sandboxes, containers);
        let at = self.plot.steps[started].0;
        self.plot.steps.insert(started, (at, Step::Keep { node: node.to_owned(), sandboxes, containers }));
    }

    fn object(&mut self, at: Timestamp, object: &ObjectRecord) {
        let (key, value) = parts(object);
        self.plot.history.take(at, &key, value.as_deref());
        self.plot.given.begin_with(key.clone());
        self.present.insert(key.clone());
        self.plot.objects.push(store::Record { key, revision: Revision(object.revision), value });
    }

    fn commit(&mut self, at: Timestamp, object: &ObjectRecord) {
        let (key, value) = parts(object);
        self.plot.history.take(at, &key, value.as_deref());
        match &value {
            Some(json) if self.present.insert(key.clone()) => {
                self.plot.given.note(&key, json);
                self.created(&key, json);
            }
            Some(_) => {}
            None => drop(self.present.remove(&key)),
        }
    }

    /// Whoever creates a service asks for the addresses that chance gave it then: others refer to them.
    fn created(&mut self, key: &Key, json: &[u8]) {
        if &*key.collection != "services/specs" {
            return;
        }
        let Ok(service) = serde_json::from_slice::<Value>(json) else { return };
        let path =
            |mutation: &Mutation, body: &Value| format!("{}/{}", mutation.namespace, body["metadata"]["name"].as_str().unwrap_or_default());
        for (_, step) in self.plot.steps.iter_mut().rev() {
            let Step::Ask { mutation, .. } = step else { continue };
            let asked = path(
                mutation,
                match &mutation.change {
                    Change::Create { body, .. } if mutation.kind == "Service" => body,
                    _ => continue,
                },
            );
            if let Change::Create { body, .. } = &mut mutation.change
                && asked == *key.path
            {
                return ask_for_addresses(body, &service);
            }
        }
    }

    fn finish(self) -> Plot {
        let Self { mut plot, nodes, refused, last, .. } = self;
        plot.ended = last;
        plot.nodes = nodes.into_values().map(Arc::new).collect();
        let mut number = 0;
        plot.steps.retain(|_| {
            number += 1;
            !refused.contains(&(number - 1))
        });
        // Nothing comes after the end: what is under way then is let finish.
        if matches!(plot.steps.last(), Some((_, Step::Stop))) {
            plot.steps.pop();
        }
        plot.steps.sort_by_key(|(at, _)| *at);
        plot.objects.sort_by_key(|object| object.revision);
        plot
    }
}

fn parts(object: &ObjectRecord) -> (Key, Option<Bytes>) {
    let value = object.value.as_ref().map(|value| Bytes::copy_from_slice(value.get().as_bytes()));
    (Key::new(&*object.collection, &*object.path), value)
}

fn ask_for_addresses(body: &mut Value, service: &Value) {
    for field in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        let given = &service["spec"][field];
        if !given.is_null() && body["spec"][field].as_str().is_none_or(str::is_empty) {
            body["spec"][field] = given.clone();
        }
    }
    let given = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let ports = body["spec"]["ports"].as_array_mut().into_iter().flatten();
    for (port, given) in ports.zip(given) {
        if port["nodePort"].as_u64().unwrap_or(0) == 0 && !given["nodePort"].is_null() {
            port["nodePort"] = given["nodePort"].clone();
        }
    }
}

//! The recorder of events: what the cast has to say about objects, as `kubectl describe` shows it.
//!
//! It owns what is known of recent events, so that repeats are counted rather than written anew. It is woken by records, answers nothing,
//! and writes one event at a time. Whoever records never waits: when the recorder's bounded mailbox is full, the record is dropped, as
//! upstream's recorders do.

mod correlator;

use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Handler, Message, WrapFuture};
use k8s_openapi::api::core::v1;
use serde_json::{Value, json};

use crate::api::client::{ClientRef, Patch, WriteOptions};
use crate::api::kinds::{Kind, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{Revision, Stored};
use crate::runtime::supervision::{ChildSpec, Ctx, Supervisor};
use correlator::{Correlator, Series};

/// How many records may wait to be written.
const CAPACITY: usize = 1000;

/// What an event is about (`core/v1 ObjectReference`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    pub api_version: String,
    pub kind: Arc<str>,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub revision: Revision,
    /// The part of the object, such as `spec.containers{web}`; may be empty.
    pub field_path: String,
}

impl About {
    pub fn object(kind: &Kind, object: &Object) -> Self {
        Self {
            api_version: kind.api_version(),
            kind: kind.kind().into(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            revision: object.revision(),
            field_path: String::new(),
        }
    }

    /// The same about a part of the object.
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field_path = path.into();
        self
    }

    /// What it is about, whatever its revision.
    fn identity(&self) -> Self {
        Self { revision: Revision(0), ..self.clone() }
    }

    fn reference(&self) -> Value {
        let mut reference = json!({ "kind": &*self.kind, "apiVersion": self.api_version, "name": self.name, "uid": self.uid });
        let optional = [
            ("namespace", self.namespace.clone()),
            ("resourceVersion", if self.revision == Revision(0) { String::new() } else { self.revision.to_string() }),
            ("fieldPath", self.field_path.clone()),
        ];
        for (field, text) in optional.into_iter().filter(|(_, text)| !text.is_empty()) {
            reference[field] = text.into();
        }
        reference
    }
}

/// Whether an event is of the ordinary kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Normal,
    Warning,
}

/// Something that happened to an object.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
struct Record {
    about: About,
    severity: Severity,
    reason: &'static str,
    /// What was being done or tried; may be empty.
    action: &'static str,
    message: String,
}

/// Says what happens to objects, in the name of one component. Clones share the recorder.
#[derive(Clone)]
pub struct Recorder(Addr<Writer>);

impl Recorder {
    /// Starts a recorder. `component` and `host` (which may be empty) are the source that its events name.
    pub fn start(supervisor: &Supervisor, client: ClientRef, entropy: &Entropy, component: &'static str, host: &str) -> Self {
        let host = host.to_owned();
        let stream = entropy.split("events").split(component);
        let mut starts = 0_u64;
        let writer = move || {
            starts += 1;
            Writer {
                client: client.clone(),
                component,
                host: host.clone(),
                entropy: stream.split(&starts.to_string()),
                correlator: Correlator::default(),
            }
        };
        Self(supervisor.start(ChildSpec::new(format!("events of {component}"), writer).mailbox(CAPACITY)))
    }

    pub fn normal(&self, about: About, reason: &'static str, message: impl Into<String>) {
        self.acted(about, Severity::Normal, reason, "", message);
    }

    pub fn warning(&self, about: About, reason: &'static str, message: impl Into<String>) {
        self.acted(about, Severity::Warning, reason, "", message);
    }

    /// With what was being done or tried (`action`).
    pub fn acted(&self, about: About, severity: Severity, reason: &'static str, action: &'static str, message: impl Into<String>) {
        if self.0.try_send(Record { about, severity, reason, action, message: message.into() }).is_err() {
            tracing::debug!(reason, "an event was dropped: too many are waiting");
        }
    }
}

/// The actor behind a [`Recorder`].
struct Writer {
    client: ClientRef,
    component: &'static str,
    host: String,
    entropy: Entropy,
    correlator: Correlator,
}

impl Actor for Writer {
    type Context = Ctx<Self>;
}

impl Handler<Record> for Writer {
    type Result = ();

    fn handle(&mut self, record: Record, ctx: &mut Self::Context) {
        let Some(series) = self.correlator.observe(&record, clock::now(), &mut self.entropy) else { return };
        let event = self.event(&record, &series);
        let client = self.client.clone();
        let write = async move {
            if let Err(error) = write(&client, &series, event).await {
                tracing::debug!(%error, "an event could not be written");
            }
        };
        // The mailbox waits: records are written in order, and what piles up is bounded by its capacity.
        ctx.wait(write.into_actor(self));
    }
}

impl Writer {
    fn event(&self, record: &Record, series: &Series) -> Value {
        let mut source = json!({ "component": self.component });
        if !self.host.is_empty() {
            source["host"] = self.host.as_str().into();
        }
        let mut event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": series.name, "namespace": namespace(&record.about) },
            "involvedObject": record.about.reference(),
            "reason": record.reason,
            "message": series.message,
            "source": source,
            "firstTimestamp": seconds(series.first),
            "lastTimestamp": seconds(series.last),
            "count": series.count,
            "type": format!("{:?}", record.severity),
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        });
        if !record.action.is_empty() {
            event["action"] = record.action.into();
        }
        event
    }
}

/// Events on cluster-scoped objects are kept in `default`.
fn namespace(about: &About) -> &str {
    if about.namespace.is_empty() { "default" } else { &about.namespace }
}

fn seconds(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second()).expect("a second of a timestamp is one").to_string()
}

async fn write(client: &ClientRef, series: &Series, event: Value) -> Result<(), Status> {
    let kind = Registry::built_in().of::<v1::Event>();
    let options = WriteOptions::default();
    let namespace = event["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    if series.count > 1 {
        let change = json!({ "count": event["count"], "lastTimestamp": event["lastTimestamp"], "message": event["message"] });
        match client.patch(kind, &namespace, &series.name, "", Patch::Merge(change), &options).await {
            Err(error) if error.is_not_found() => {}
            result => return result.map(|_| ()),
        }
    }
    client.create(kind, &namespace, event, &options).await.map(|_| ())
}

//! What `kabuki up` tells whoever started it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::process::Process;
use crate::api::remote::{Ask, Remote};
use crate::commands::access::Connection;
use crate::commands::{Failure, apply, manifests};

/// How long pods are waited for before it is said what they lack; they are not given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The first lines: that it is ready, what it is, and what to paste.
pub fn introduce(process: &Process) {
    println!("ready in {:.2} s", process.ready_after.as_secs_f64());
    println!("{}", process.description);
    process.recording.iter().for_each(|recording| println!("{recording}"));
    println!("export KUBECONFIG={}", process.kubeconfig.display());
}

/// Applies manifests as any client would, and shows their pods as they come up.
///
/// # Errors
/// A manifest cannot be read, or the API refuses it.
pub async fn apply(process: &Process, places: &[PathBuf]) -> Result<(), Failure> {
    if places.is_empty() {
        return Ok(());
    }
    let manifests = manifests::read(places)?;
    let remote = Remote::from_kubeconfig(&process.kubeconfig)?;
    let connection = Connection { namespace: remote.namespace().to_owned(), remote };
    for (name, outcome) in apply::apply(&connection, manifests.clone(), false).await? {
        println!("{name} {outcome}");
    }
    let expected = Expected::of(&manifests, &connection.namespace);
    if process.has_nodes && expected.pods > 0 {
        watch(&connection, &expected).await?;
    }
    for (namespace, name) in &expected.services {
        let service = connection.remote.json(Ask::get(&format!("/api/v1/namespaces/{namespace}/services/{name}"))).await?;
        println!("{}", address(&service));
    }
    Ok(())
}

/// What the manifests will bring about.
struct Expected {
    pods: u64,
    namespaces: BTreeSet<String>,
    /// Pods, and owners of pods, by namespace and name.
    names: BTreeSet<(String, String)>,
    services: BTreeSet<(String, String)>,
}

impl Expected {
    fn of(manifests: &[Value], default_namespace: &str) -> Self {
        let mut expected = Self { pods: 0, namespaces: BTreeSet::new(), names: BTreeSet::new(), services: BTreeSet::new() };
        for manifest in manifests {
            let namespace = manifests::namespace(manifest).unwrap_or(default_namespace).to_owned();
            let Ok(name) = manifests::name(manifest) else { continue };
            let place = (namespace.clone(), name.to_owned());
            let pods = match manifest["kind"].as_str() {
                Some("Pod") => 1,
                Some("ReplicationController") => manifest.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
                Some("Service") => {
                    expected.services.insert(place);
                    continue;
                }
                _ => continue,
            };
            expected.pods += pods;
            expected.namespaces.insert(namespace);
            expected.names.insert(place);
        }
        expected
    }

    fn includes(&self, pod: &Value) -> bool {
        let namespace = text(pod, "/metadata/namespace");
        let own = text(pod, "/metadata/name");
        let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let names = owners.filter_map(|owner| owner["name"].as_str()).chain([own]);
        names.into_iter().any(|name| self.names.contains(&(namespace.to_owned(), name.to_owned())))
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Follows the pods until all are ready, or patience ends.
async fn watch(connection: &Connection, expected: &Expected) -> Result<(), Failure> {
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} pods ready  {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(expected.pods).with_style(style);
    let mut pods: BTreeMap<String, (bool, String)> = BTreeMap::new();
    let path = "/api/v1/pods?watch=true";
    let mut lines = Box::pin(lines(connection.remote.stream(Ask::get(path)).await?));
    let until_ready = async {
        while let Some(event) = lines.next().await {
            let event = event?;
            let pod = &event["object"];
            if expected.includes(pod) {
                let name = text(pod, "/metadata/name").to_owned();
                match event["type"] == "DELETED" {
                    true => _ = pods.remove(&name),
                    false => _ = pods.insert(name, state(pod)),
                }
                show(&bar, &pods);
            }
            if pods.values().filter(|(ready, _)| *ready).count() as u64 >= expected.pods {
                break;
            }
        }
        Ok::<(), Failure>(())
    };
    let outcome = tokio::time::timeout(PATIENCE, until_ready).await;
    bar.finish_and_clear();
    let ready = pods.values().filter(|(ready, _)| *ready).count();
    println!("{ready} of {} pods ready", expected.pods);
    for (name, (_, state)) in pods.iter().filter(|(_, (ready, _))| !ready) {
        println!("  {name}: {state}");
    }
    outcome.unwrap_or(Ok(()))
}

fn show(bar: &ProgressBar, pods: &BTreeMap<String, (bool, String)>) {
    bar.set_position(pods.values().filter(|(ready, _)| *ready).count() as u64);
    let waiting = pods.iter().find(|(_, (ready, _))| !ready);
    bar.set_message(waiting.map(|(name, (_, state))| format!("{name}: {state}")).unwrap_or_default());
}

/// Whether a pod is ready, and in a few words what it is at.
fn state(pod: &Value) -> (bool, String) {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let condition = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let ready = condition("Ready").is_some_and(|ready| ready["status"] == "True");
    let containers = pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten();
    let waiting = containers.filter_map(|container| container.pointer("/state/waiting")).find_map(|waiting| {
        let reason = waiting["reason"].as_str()?;
        Some(waiting["message"].as_str().map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}")))
    });
    let unscheduled = condition("PodScheduled").filter(|scheduled| scheduled["status"] == "False");
    let unscheduled = unscheduled.and_then(|scheduled| scheduled["message"].as_str()).map(str::to_owned);
    (ready, waiting.or(unscheduled).unwrap_or_else(|| text(pod, "/status/phase").to_owned()))
}

/// The JSON values of a stream that has one on each line.
fn lines(
    pieces: futures::stream::BoxStream<'static, Result<bytes::Bytes, crate::api::remote::RemoteError>>,
) -> impl futures::Stream<Item = Result<Value, Failure>> {
    futures::stream::unfold((pieces, Vec::new()), |(mut pieces, mut pending)| async move {
        loop {
            if let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                return Some((serde_json::from_slice(&line).map_err(Failure::from), (pieces, pending)));
            }
            match pieces.next().await? {
                Ok(piece) => pending.extend_from_slice(&piece),
                Err(error) => return Some((Err(error.into()), (pieces, pending))),
            }
        }
    })
}

/// `service/web  10.96.12.3:80 (http)`.
fn address(service: &Value) -> String {
    let ip = text(service, "/spec/clusterIP");
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let ports: Vec<String> = ports
        .map(|port| {
            let node = port["nodePort"].as_u64().map(|node| format!(", node port {node}")).unwrap_or_default();
            let name = port["name"].as_str().map(|name| format!(" ({name}{node})")).unwrap_or(node);
            format!("{ip}:{}{name}", port["port"])
        })
        .collect();
    format!("service/{}  {}", text(service, "/metadata/name"), ports.join("  "))
}

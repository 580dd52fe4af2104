//! How a node joins its cluster and shows that it lives: its Node, and its Lease (KEP-589).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::context::Context;
use super::node_object::{labels, node, status};
use crate::actors::events::About;
use crate::api::client::{Patch, WriteOptions};
use crate::api::kinds::Registry;
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock::{self, Instant};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Revision, Stored};

/// The lease is renewed this often, and is good for four times as long.
const RENEWAL: Duration = Duration::from_secs(10);
const LEASE_SECONDS: u64 = 40;
/// The status is written this often even if nothing changes.
const REPORT: Duration = Duration::from_secs(300);
const LEASES: &str = "kube-node-lease";

/// Registers the node, or takes over the one of its name.
pub async fn register(context: &Context) -> Result<Object, Status> {
    let kind = Registry::built_in().of::<Node>();
    let (options, info) = (&context.options, &context.info);
    let write = WriteOptions::default();
    match context.client.create(kind, "", node(options, info), &write).await {
        Err(error) if error.is_already_exists() => {
            let mut change = json!({ "metadata": { "labels": labels(options, info) } });
            let known = context.client.get(kind, "", &options.node_name).await?;
            if known.value()["spec"]["podCIDR"].is_null() && options.pod_range.is_some() {
                change["spec"] = node(options, info)["spec"].clone();
            }
            context.client.patch(kind, "", &options.node_name, "", Patch::Merge(change), &write).await
        }
        result => result,
    }
}

/// What the API was last told, or was seen to know already.
struct Told {
    /// When the status was written.
    at: Instant,
    /// Of the node, with that status.
    revision: Revision,
    trouble: Option<String>,
}

/// Shows that the node lives, for as long as it does.
pub async fn beat(context: Arc<Context>) {
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: Option<Told> = None;
    loop {
        ticks.tick().await;
        if let Err(error) = renew(&context).await {
            tracing::warn!(node = context.options.node_name, %error, "the lease could not be renewed");
            if planted(Flaw::HeartStops) {
                return;
            }
        }
        let trouble = context.machine.runtime.info().await.err().map(|error| format!("container runtime is down: {error}"));
        match report(&context, trouble, told.as_ref()).await {
            Ok(Some(now)) => told = Some(now),
            Ok(None) => {}
            Err(error) => tracing::warn!(node = context.options.node_name, %error, "the node's status could not be written"),
        }
    }
}

/// Writes the node's status if it is due, or if the API has another one, as after a silence in which the node was given up. `None` if there
/// is nothing to say. A node that was deleted is registered anew.
async fn report(context: &Context, trouble: Option<String>, told: Option<&Told>) -> Result<Option<Told>, Status> {
    let kind = Registry::built_in().of::<Node>();
    let known = match context.client.get(kind, "", &context.options.node_name).await {
        Err(error) if error.is_not_found() => register(context).await?,
        result => result?,
    };
    let told = told.filter(|told| told.at.elapsed() < REPORT);
    // The same node and the same trouble make the same status.
    if told.is_some_and(|told| told.revision == known.revision() && told.trouble == trouble) {
        return Ok(None);
    }
    let mut value = known.value();
    let old = value["status"].take();
    let mut new = status(&context.options, &context.info, trouble.as_deref(), &old, clock::now());
    // What others say of the node stays.
    let own: Vec<Value> = new["conditions"].as_array().into_iter().flatten().map(|condition| condition["type"].clone()).collect();
    let others = old["conditions"].as_array().into_iter().flatten().filter(|condition| !own.contains(&condition["type"]));
    let others: Vec<Value> = others.cloned().collect();
    new["conditions"].as_array_mut().expect("the conditions were just made").extend(others);
    value["status"] = match &old {
        Value::Object(all) => all.clone().into_iter().chain(new.as_object().cloned().unwrap_or_default()).collect(),
        _ => new,
    };
    if let Some(told) = told
        && without_heartbeats(&value["status"]) == without_heartbeats(&old)
    {
        return Ok(Some(Told { at: told.at, revision: known.revision(), trouble }));
    }
    let written = context.client.update(kind, "", &context.options.node_name, "status", value, &WriteOptions::default()).await?;
    let is_ready = trouble.is_none();
    if was_ready(&old) != is_ready {
        let reason = if is_ready { "NodeReady" } else { "NodeNotReady" };
        let message = format!("Node {} status is now: {reason}", context.options.node_name);
        context.events.normal(About::object(kind, &written), reason, message);
    }
    Ok(Some(Told { at: clock::instant(), revision: written.revision(), trouble }))
}

fn was_ready(status: &Value) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A node's status without the times at which it was last looked at.
fn without_heartbeats(status: &Value) -> Value {
    let mut status = status.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastHeartbeatTime"].take();
    }
    status
}

async fn renew(context: &Context) -> Result<(), Status> {
    let kind = Registry::built_in().of::<Lease>();
    let name = &context.options.node_name;
    let now = clock::now();
    let renewed = json!({ "spec": { "holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": format!("{now:.6}") } });
    let write = WriteOptions::default();
    match context.client.patch(kind, LEASES, name, "", Patch::Merge(renewed.clone()), &write).await {
        Err(error) if error.is_not_found() => {
            let node = context.client.get(Registry::built_in().of::<Node>(), "", name).await?;
            let owner = json!({ "apiVersion": "v1", "kind": "Node", "name": name, "uid": node.uid() });
            let mut lease = renewed;
            lease["apiVersion"] = "coordination.k8s.io/v1".into();
            lease["kind"] = "Lease".into();
            lease["metadata"] = json!({ "name": name, "namespace": LEASES, "ownerReferences": [owner] });
            context.client.create(kind, LEASES, lease, &write).await.map(|_| ())
        }
        result => result.map(|_| ()),
    }
}

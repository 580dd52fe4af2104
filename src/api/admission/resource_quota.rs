//! ResourceQuota: nothing is made beyond what a namespace may use. What an object takes is charged in the batch that writes it, on the
//! condition that the quota is as it was read; so no two writes can share the last piece.

use serde_json::Value;

use super::{Operation, Request};
use crate::api::object::Object;
use crate::api::quota::{self, Amounts};
use crate::api::status::Status;
use crate::runtime::store::{Expect, Stored, Write};

const QUOTAS: &str = "resourcequotas";

/// The writes that charge the namespace's quotas for the object.
pub fn charge(request: &Request, object: &Value) -> Result<Vec<Write<Object>>, Status> {
    let mut writes = Vec::new();
    if request.namespace.is_empty()
        || request.operation == Operation::Delete
        || request.subresource.is_some()
        || request.kind.plural() == QUOTAS
    {
        return Ok(writes);
    }
    let prefix = format!("{}/", request.namespace);
    for (key, stored) in request.snapshot.range(QUOTAS, &prefix, None) {
        let mut quota = stored.value();
        if let Some(used) = charged(request, &quota, object)? {
            let used = used.into_iter().map(|(name, amount)| (name, Value::String(amount.to_string()))).collect();
            quota["status"]["used"] = Value::Object(used);
            let value = Some(Object::from_value(quota).map_err(Status::internal)?);
            writes.push(Write { key: key.clone(), expect: Expect::At(stored.revision()), value });
        }
    }
    Ok(writes)
}

/// What of a quota is used with the object; `None` if it takes nothing of it.
fn charged(request: &Request, quota: &Value, object: &Value) -> Result<Option<Amounts>, Status> {
    let hard = quota::amounts(&quota["status"]["hard"]);
    if hard.is_empty() || !quota::covers(&quota["spec"], request.kind, object) {
        return Ok(None);
    }
    let name = quota["metadata"]["name"].as_str().unwrap_or_default();
    let is_new_pod = request.creates("pods");
    if let Some(missing) = quota::missing(&hard, object).filter(|_| is_new_pod) {
        return Err(request.forbidden(&format!("failed quota: {name}: must specify {missing}")));
    }
    let mut delta = quota::usage(request.kind, object);
    delta.retain(|name, _| hard.contains_key(name));
    if let Some(old) = request.old.filter(|old| quota::covers(&quota["spec"], request.kind, old)) {
        for (name, amount) in quota::usage(request.kind, old) {
            if let Some(delta) = delta.get_mut(&name) {
                *delta -= amount;
            }
        }
    }
    delta.retain(|_, amount| !(amount.is_zero() || request.old.is_some() && amount.is_negative()));
    if delta.is_empty() {
        return Ok(None);
    }
    let used = quota::amounts(&quota["status"]["used"]);
    let unknown: Vec<&str> = delta.keys().filter(|name| !used.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(request.forbidden(&format!("status unknown for quota: {name}, resources: {}", unknown.join(","))));
    }
    let exceeded: Vec<&String> = delta.keys().filter(|name| used[*name] + delta[*name] > hard[*name]).collect();
    if !exceeded.is_empty() {
        let shown = |amounts: &Amounts| exceeded.iter().map(|name| format!("{name}={}", amounts[*name])).collect::<Vec<_>>().join(",");
        let why = format!("exceeded quota: {name}, requested: {}, used: {}, limited: {}", shown(&delta), shown(&used), shown(&hard));
        return Err(request.forbidden(&why));
    }
    let mut total = used;
    delta.into_iter().for_each(|(name, amount)| *total.entry(name).or_default() += amount);
    Ok(Some(total))
}

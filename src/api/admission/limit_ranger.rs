//! LimitRanger: what containers do not say about resources, and what pods, containers and claims may say at most and at least.

use serde_json::Value;

use super::Request;
use crate::api::quantity::Quantity;
use crate::api::quota::{Amounts, amounts, totals};
use crate::api::status::Status;

const RANGES: &str = "limitranges";
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The items of all limit ranges of the namespace.
fn items(request: &Request) -> Vec<Value> {
    let prefix = format!("{}/", request.namespace);
    let ranges = request.snapshot.range(RANGES, &prefix, None).map(|(_, range)| range.value()["spec"]["limits"].take());
    ranges.filter_map(|limits| if let Value::Array(items) = limits { Some(items) } else { None }).flatten().collect()
}

pub(super) fn admit(request: &Request, object: &mut Value) -> Result<(), Status> {
    let (pod, claim) = (request.creates("pods"), request.writes("persistentvolumeclaims"));
    if !pod && !claim {
        return Ok(());
    }
    let items = items(request);
    if pod {
        complete(&items, object);
    }
    Ok(())
}

/// Gives containers the defaults, and says so in an annotation.
fn complete(items: &[Value], pod: &mut Value) {
    let mut notes = Vec::new();
    for item in items.iter().filter(|item| item["type"] == "Container") {
        for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
            for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let name = container["name"].as_str().unwrap_or_default().to_owned();
                for (defaults, target, word) in [("defaultRequest", "requests", "request"), ("default", "limits", "limit")] {
                    let set = fill(&item[defaults], &mut container["resources"], target);
                    if !set.is_empty() {
                        notes.push(format!("{} {word} for {what} {name}", set.join(", ")));
                    }
                }
            }
        }
    }
    if !notes.is_empty() {
        pod["metadata"]["annotations"][ANNOTATION] = format!("LimitRanger plugin set: {}", notes.join("; ")).into();
    }
}

/// Adds what is missing; says which.
fn fill(defaults: &Value, resources: &mut Value, target: &str) -> Vec<String> {
    let mut set = Vec::new();
    for (name, amount) in defaults.as_object().into_iter().flatten() {
        if resources[target].get(name).is_none() {
            resources[target][name] = amount.clone();
            set.push(name.clone());
        }
    }
    set
}

pub(super) fn judge(request: &Request, object: Option<&Value>) -> Result<(), Status> {
    let (pod, claim) = (request.creates("pods"), request.writes("persistentvolumeclaims"));
    let Some(object) = object.filter(|_| pod || claim) else { return Ok(()) };
    let mut faults = Vec::new();
    for item in items(request) {
        match item["type"].as_str() {
            Some("Container") if pod => {
                let containers =
                    ["containers", "initContainers"].iter().flat_map(|list| object["spec"][*list].as_array().into_iter().flatten());
                for container in containers {
                    let resources = &container["resources"];
                    check(&item, &amounts(&resources["requests"]), Some(&amounts(&resources["limits"])), &mut faults);
                }
            }
            Some("Pod") if pod => {
                let totals = totals(object);
                check(&item, &totals.requests, Some(&totals.limits), &mut faults);
            }
            Some("PersistentVolumeClaim") if claim => check(&item, &amounts(&object["spec"]["resources"]["requests"]), None, &mut faults),
            _ => {}
        }
    }
    match &faults[..] {
        [] => Ok(()),
        [only] => Err(request.forbidden(only)),
        several => Err(request.forbidden(&format!("[{}]", several.join(", ")))),
    }
}

/// One item against what is requested and (where there is such a thing) limited.
fn check(item: &Value, requests: &Amounts, limits: Option<&Amounts>, faults: &mut Vec<String>) {
    let what = item["type"].as_str().unwrap_or_default();
    for (name, least) in amounts(&item["min"]) {
        let rule = format!("minimum {name} usage per {what} is {least}");
        match (requests.get(&name), limits.and_then(|limits| limits.get(&name))) {
            (None, _) => faults.push(format!("{rule}.  No request is specified")),
            (Some(request), _) if *request < least => faults.push(format!("{rule}, but request is {request}")),
            (_, Some(limit)) if *limit < least => faults.push(format!("{rule}, but limit is {limit}")),
            _ => {}
        }
    }
    for (name, most) in amounts(&item["max"]) {
        let rule = format!("maximum {name} usage per {what} is {most}");
        let request = requests.get(&name).filter(|request| **request > most);
        match limits.map(|limits| limits.get(&name)) {
            Some(None) => faults.push(format!("{rule}.  No limit is specified")),
            Some(Some(limit)) if *limit > most => faults.push(format!("{rule}, but limit is {limit}")),
            None if !requests.contains_key(&name) => faults.push(format!("{rule}.  No request is specified")),
            _ => faults.extend(request.map(|request| format!("{rule}, but request is {request}"))),
        }
    }
    for (name, most) in amounts(&item["maxLimitRequestRatio"]) {
        let rule = format!("{name} max limit to request ratio per {what} is {most}");
        let amount = |amounts: Option<&Amounts>| amounts.and_then(|amounts| amounts.get(&name).copied()).filter(|amount| !amount.is_zero());
        match (amount(Some(requests)), amount(limits)) {
            (None, _) => faults.push(format!("{rule}, but no request is specified or request is 0")),
            (_, None) => faults.push(format!("{rule}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) if ratio(limit, request) > ratio(most, one()) => {
                faults.push(format!("{rule}, but provided ratio is {:.6}", ratio(limit, request)));
            }
            _ => {}
        }
    }
}

fn one() -> Quantity {
    Quantity::from_value(1, crate::api::quantity::Format::DecimalSi)
}

fn ratio(amount: Quantity, of: Quantity) -> f64 {
    amount.milli_value() as f64 / of.milli_value() as f64
}

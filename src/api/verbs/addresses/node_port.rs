//! Node ports. A service may use one number for several protocols; two services never share one.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{free, invalid, pick, take};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{Key, Snapshot, Write};

const COLLECTION: &str = "servicenodeportallocations";

pub(super) fn key(port: u16) -> Key {
    Key::new(COLLECTION, port.to_string())
}

/// The numbers that a service holds.
pub(super) fn held(service: &Value) -> BTreeSet<u16> {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]);
    ports.chain([&spec["healthCheckNodePort"]]).filter_map(number).collect()
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

pub(super) fn assign(
    range: &RangeInclusive<u16>,
    snapshot: &Snapshot<Object>,
    entropy: &mut Entropy,
    old: Option<&Value>,
    service: &mut Value,
) -> Result<Vec<Write<Object>>, Status> {
    let before = old.map(held).unwrap_or_default();
    check_free(range, snapshot, service, &before)?;
    let spec = &service["spec"];
    let asks = match spec["type"].as_str() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    };
    let health =
        spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local" && number(&spec["healthCheckNodePort"]).is_none();
    let mut taken = held(service);
    let mut next = || {
        let port = free_port(range, snapshot, entropy, &taken)?;
        taken.insert(port);
        Ok::<_, Status>(port)
    };
    if asks {
        number_ports(service, &mut next)?;
    }
    if health {
        service["spec"]["healthCheckNodePort"] = next()?.into();
    }
    let after = held(service);
    let mut writes = Vec::new();
    for port in after.difference(&before) {
        writes.push(take(key(*port), record(*port, service))?);
    }
    writes.extend(before.difference(&after).map(|port| free(key(*port))));
    Ok(writes)
}

/// Gives every port without a node port one; the same port of another protocol shares it.
fn number_ports(service: &mut Value, next: &mut impl FnMut() -> Result<u16, Status>) -> Result<(), Status> {
    let Some(ports) = service["spec"]["ports"].as_array_mut() else { return Ok(()) };
    for index in 0..ports.len() {
        if number(&ports[index]["nodePort"]).is_some() {
            continue;
        }
        let (port, protocol) = (ports[index]["port"].clone(), ports[index]["protocol"].clone());
        let shared = ports
            .iter()
            .filter(|other| other["port"] == port && other["protocol"] != protocol)
            .find_map(|other| number(&other["nodePort"]));
        ports[index]["nodePort"] = match shared {
            Some(number) => number,
            None => next()?,
        }
        .into();
    }
    Ok(())
}

fn free_port(
    range: &RangeInclusive<u16>,
    snapshot: &Snapshot<Object>,
    entropy: &mut Entropy,
    taken: &BTreeSet<u16>,
) -> Result<u16, Status> {
    let size = u64::from(range.end() - range.start()) + 1;
    let band = (size / 32).clamp(16, 128);
    let port = |offset: u64| range.start() + u16::try_from(offset).expect("an offset within a range of ports");
    let offset = pick(entropy, 0, size, band, |offset| {
        let port = port(offset);
        !taken.contains(&port) && snapshot.get(&key(port)).is_none()
    });
    offset.map(port).ok_or_else(|| Status::internal("failed to allocate a nodePort: range is full"))
}

fn check_free(range: &RangeInclusive<u16>, snapshot: &Snapshot<Object>, service: &Value, before: &BTreeSet<u16>) -> Result<(), Status> {
    let mut errors = ErrorList::default();
    let ports = service["spec"]["ports"].as_array().into_iter().flatten().enumerate();
    for (index, port) in
        ports.filter_map(|(index, port)| Some((index, number(&port["nodePort"])?))).filter(|(_, port)| !before.contains(port))
    {
        let why = if !range.contains(&port) {
            format!("provided port is not in the valid range. The range of valid ports is {}-{}", range.start(), range.end())
        } else if snapshot.get(&key(port)).is_some() {
            "provided port is already allocated".to_owned()
        } else {
            continue;
        };
        errors.push(FieldErrorKind::Invalid, format!("spec.ports[{index}].nodePort"), format!("Invalid value: {port}: {why}"));
    }
    if errors.is_empty() { Ok(()) } else { Err(invalid(service, &errors)) }
}

fn record(port: u16, service: &Value) -> Value {
    let meta = &service["metadata"];
    let parent = json!({"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]});
    json!({"apiVersion": "v1", "kind": "NodePortAllocation", "metadata": {"name": port.to_string()}, "service": parent})
}

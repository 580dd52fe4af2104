//! Cluster IPs. Their records are `IPAddress` objects, as the API of `networking.k8s.io` has them (KEP-1880).

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{free, invalid, pick, take};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::store::{Key, Snapshot, Write};

const COLLECTION: &str = "ipaddresses";
/// The address that DNS asks for by itself.
const DNS: u64 = 10;

pub(super) fn key(ip: &str) -> Key {
    Key::new(COLLECTION, ip)
}

/// The addresses that a service holds.
pub(super) fn held(service: &Value) -> Vec<String> {
    let spec = &service["spec"];
    if spec["type"] == "ExternalName" {
        return Vec::new();
    }
    let ips = spec["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    ips.filter(|ip| !ip.is_empty() && *ip != "None").map(str::to_owned).collect()
}

pub(super) fn assign(
    range: &Cidr,
    snapshot: &Snapshot<Object>,
    entropy: &mut Entropy,
    old: Option<&Value>,
    service: &mut Value,
) -> Result<Vec<Write<Object>>, Status> {
    let before = old.map(held).unwrap_or_default();
    let spec = &service["spec"];
    let headless = spec["clusterIP"] == "None" || spec["clusterIPs"][0] == "None";
    let mut writes = Vec::new();
    if spec["type"] != "ExternalName" && !headless {
        check_families(range, service)?;
        if held(service).is_empty() {
            let ip = next(range, snapshot, entropy)?;
            service["spec"]["clusterIP"] = ip.clone().into();
            service["spec"]["clusterIPs"] = vec![ip].into();
        }
        for ip in held(service).into_iter().filter(|ip| !before.contains(ip)) {
            check_free(range, snapshot, service, &ip)?;
            writes.push(take(key(&ip), record(&ip, service))?);
        }
    }
    let after = held(service);
    writes.extend(before.into_iter().filter(|ip| !after.contains(ip)).map(|ip| free(key(&ip))));
    Ok(writes)
}

fn next(range: &Cidr, snapshot: &Snapshot<Object>, entropy: &mut Entropy) -> Result<String, Status> {
    let full = || Status::internal("failed to allocate a serviceIP: range is full");
    // Neither the network's own address nor the last one.
    let size = u64::try_from(range.size()).unwrap_or(u64::MAX).saturating_sub(1);
    let band = (size / 16).clamp(16, 256);
    let address = |index: u64| range.nth(index.into()).map(|ip| ip.to_string());
    let index = pick(entropy, 1, size, band, |index| index != DNS && address(index).is_some_and(|ip| snapshot.get(&key(&ip)).is_none()));
    index.and_then(address).ok_or_else(full)
}

fn check_families(range: &Cidr, service: &Value) -> Result<(), Status> {
    let own = if range.address().is_ipv4() { "IPv4" } else { "IPv6" };
    let spec = &service["spec"];
    let mut errors = ErrorList::default();
    if spec["ipFamilyPolicy"] == "RequireDualStack" {
        let message = "Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services";
        errors.push(FieldErrorKind::Invalid, "spec.ipFamilyPolicy", message);
    }
    let families = spec["ipFamilies"].as_array().into_iter().flatten().filter_map(Value::as_str).enumerate();
    for (index, family) in families.filter(|(_, family)| *family != own) {
        let message = format!("Invalid value: \"{family}\": not configured on this cluster");
        errors.push(FieldErrorKind::Invalid, format!("spec.ipFamilies[{index}]"), message);
    }
    if errors.is_empty() { Ok(()) } else { Err(invalid(service, &errors)) }
}

fn check_free(range: &Cidr, snapshot: &Snapshot<Object>, service: &Value, ip: &str) -> Result<(), Status> {
    let index = ip.parse::<IpAddr>().ok().and_then(|ip| range.index_of(ip));
    let why = match index {
        None => "the provided network does not match the current range".to_owned(),
        Some(0) => format!("the provided IP ({ip}) is not in the valid range. The range of valid IPs is {range}"),
        Some(_) if snapshot.get(&key(ip)).is_some() => "provided IP is already allocated".to_owned(),
        Some(_) => return Ok(()),
    };
    let mut errors = ErrorList::default();
    let message = format!("Invalid value: {}: failed to allocate IP {ip}: {why}", service["spec"]["clusterIPs"]);
    errors.push(FieldErrorKind::Invalid, "spec.clusterIPs", message);
    Err(invalid(service, &errors))
}

fn record(ip: &str, service: &Value) -> Value {
    let meta = &service["metadata"];
    let labels = json!({"ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"});
    let parent = json!({"group": "", "resource": "services", "namespace": meta["namespace"], "name": meta["name"]});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {"name": ip, "uid": meta["uid"], "creationTimestamp": meta["creationTimestamp"], "labels": labels},
        "spec": {"parentRef": parent},
    })
}

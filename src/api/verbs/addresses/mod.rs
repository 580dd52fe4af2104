//! Cluster IPs and node ports: an allocation is a key of its own, written absent-or-nothing in the same batch as the service that holds
//! it and deleted in the batch that lets it go. So two services can never hold the same, whoever writes at once and whatever crashes.

mod cluster_ip;
mod node_port;

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::api::kinds::Kind;
use crate::api::object::Object;
use crate::api::status::Status;
use crate::api::validation::ErrorList;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;
use crate::runtime::store::{Expect, Key, Snapshot, Write};

/// Where services' addresses come from.
#[derive(Clone, Debug)]
pub struct ServiceRanges {
    /// The first address is the API's own (the service `kubernetes`), the tenth is meant for DNS.
    pub cluster_ips: Cidr,
    pub node_ports: RangeInclusive<u16>,
}

impl Default for ServiceRanges {
    fn default() -> Self {
        let cluster_ips = Cidr::new([10, 96, 0, 0].into(), 16).expect("an IPv4 prefix is at most 32");
        Self { cluster_ips, node_ports: 30000..=32767 }
    }
}

/// What of its addresses a service chose itself: what an allocation that lost a race goes back to. Nothing for other kinds.
pub(super) fn asked(kind: &Kind, service: &Value) -> Option<Value> {
    kind.traits.addresses.then(|| service["spec"].clone())
}

/// Takes back what was chosen for the service.
pub(super) fn ask(service: &mut Value, asked: &Option<Value>) {
    if let Some(spec) = asked {
        service["spec"] = spec.clone();
    }
}

/// Completes a service's addresses and gives the writes that take what it holds and free what the old one held.
pub(super) fn assign(
    ranges: &ServiceRanges,
    snapshot: &Snapshot<Object>,
    entropy: &mut Entropy,
    old: Option<&Value>,
    service: &mut Value,
) -> Result<Vec<Write<Object>>, Status> {
    let mut writes = cluster_ip::assign(&ranges.cluster_ips, snapshot, entropy, old, service)?;
    writes.extend(node_port::assign(&ranges.node_ports, snapshot, entropy, old, service)?);
    Ok(writes)
}

/// The writes that free all that a service holds.
pub(super) fn release(service: &Value) -> Vec<Write<Object>> {
    let ips = cluster_ip::held(service).into_iter().map(|ip| cluster_ip::key(&ip));
    ips.chain(node_port::held(service).into_iter().map(node_port::key)).map(free).collect()
}

fn free(key: Key) -> Write<Object> {
    Write { key, expect: Expect::Any, value: None }
}

fn take(key: Key, record: Value) -> Result<Write<Object>, Status> {
    let record = Object::from_value(record).map_err(Status::internal)?;
    Ok(Write { key, expect: Expect::Absent, value: Some(record) })
}

fn invalid(service: &Value, errors: &ErrorList) -> Status {
    Status::invalid("", "Service", service["metadata"]["name"].as_str().unwrap_or_default(), errors)
}

/// The first free one of `size`, looked for from a random place in the upper band on: the lower band is left to those who choose
/// for themselves as long as there is room (KEP-3070, KEP-3668).
fn pick(entropy: &mut Entropy, first: u64, size: u64, band: u64, is_free: impl Fn(u64) -> bool) -> Option<u64> {
    use rand::RngExt;
    let band = band.min(size.saturating_sub(1)).max(first);
    let mut scan = |from: u64, to: u64| {
        let count = to.checked_sub(from).filter(|count| *count > 0)?;
        let start = entropy.rng().random_range(0..count);
        (0..count).map(|step| from + (start + step) % count).find(|candidate| is_free(*candidate))
    };
    scan(band, size).or_else(|| scan(first, band))
}

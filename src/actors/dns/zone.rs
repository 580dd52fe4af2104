//! What the names of a cluster mean (Kubernetes' DNS specification 1.1.0), without a server or an actor.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_server::proto::rr::rdata::{CNAME, PTR, SRV};
use hickory_server::proto::rr::{Name, RData, RecordType};

use crate::actors::informer::ObjectKey;
use crate::actors::proxy::{Condition, Endpoint, ServicePort, ServiceView, SliceView};
use crate::runtime::network::Protocol;

/// The cluster's domain.
pub const DOMAIN: &str = "cluster.local";

/// What there is to be named.
pub trait Directory {
    fn has_namespace(&self, name: &str) -> bool;
    fn service(&self, key: &ObjectKey) -> Option<Arc<ServiceView>>;
    fn slices(&self, service: &ObjectKey) -> Vec<Arc<SliceView>>;
    /// The service that has this cluster IP.
    fn service_at(&self, address: IpAddr) -> Option<ObjectKey>;
    /// A service that has an endpoint at this address.
    fn endpoint_at(&self, address: IpAddr) -> Option<ObjectKey>;
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At least one.
    Records(Vec<RData>),
    /// The name exists, but has nothing of what was asked for.
    NoData,
    /// There is no such name.
    NoName,
    /// It is not the cluster's to say.
    Elsewhere,
}

impl From<Vec<RData>> for Answer {
    fn from(records: Vec<RData>) -> Self {
        if records.is_empty() { Self::NoData } else { Self::Records(records) }
    }
}

/// Answers a question for a name, in whatever case.
pub fn answer(directory: &impl Directory, name: &Name, wanted: RecordType) -> Answer {
    let lower = name.to_lowercase();
    let labels: Vec<String> = lower.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    match labels.as_slice() {
        [.., "arpa"] => reverse(directory, name, wanted),
        [within @ .., "cluster", "local"] => match within {
            [] | ["svc"] | ["pod"] => Answer::NoData,
            [namespace, "svc" | "pod"] => {
                if directory.has_namespace(namespace) {
                    Answer::NoData
                } else {
                    Answer::NoName
                }
            }
            [dashes, namespace, "pod"] => match undashed(dashes).filter(|_| directory.has_namespace(namespace)) {
                Some(address) => addresses([address], wanted).into(),
                None => Answer::NoName,
            },
            [name, namespace, "svc"] => of_service(directory, &ObjectKey::new(*namespace, *name), wanted),
            [host, name, namespace, "svc"] => of_endpoint(directory, &ObjectKey::new(*namespace, *name), host, wanted),
            [port, protocol, name, namespace, "svc"] => match (port.strip_prefix('_'), *protocol) {
                (Some(port), "_tcp") => of_port(directory, &ObjectKey::new(*namespace, *name), port, Protocol::Tcp, wanted),
                (Some(port), "_udp") => of_port(directory, &ObjectKey::new(*namespace, *name), port, Protocol::Udp, wanted),
                _ => Answer::NoName,
            },
            _ => Answer::NoName,
        },
        _ => Answer::Elsewhere,
    }
}

fn of_service(directory: &impl Directory, key: &ObjectKey, wanted: RecordType) -> Answer {
    let Some(service) = directory.service(key) else { return Answer::NoName };
    if let Some(target) = &service.external_name {
        return Name::from_utf8(target).map_or(Answer::NoData, |mut target| {
            target.set_fqdn(true);
            Answer::Records(vec![RData::CNAME(CNAME(target))])
        });
    }
    if !service.cluster_ips.is_empty() {
        return addresses(service.cluster_ips.iter().copied(), wanted).into();
    }
    let ready = ready(&directory.slices(key));
    if ready.is_empty() { Answer::NoName } else { addresses(ready.iter().map(|endpoint| endpoint.address), wanted).into() }
}

/// One endpoint, by its pod's host name or by its address.
fn of_endpoint(directory: &impl Directory, key: &ObjectKey, host: &str, wanted: RecordType) -> Answer {
    if directory.service(key).is_none() {
        return Answer::NoName;
    }
    let ready = ready(&directory.slices(key));
    let found: Vec<IpAddr> = ready.iter().filter(|endpoint| self::host(endpoint) == host).map(|endpoint| endpoint.address).collect();
    if found.is_empty() { Answer::NoName } else { addresses(found, wanted).into() }
}

fn of_port(directory: &impl Directory, key: &ObjectKey, port: &str, protocol: Protocol, wanted: RecordType) -> Answer {
    let Some(service) = directory.service(key) else { return Answer::NoName };
    let is_it = |found: &&ServicePort| found.name == port && found.protocol == Some(protocol);
    let Some(found) = service.ports.iter().find(is_it) else { return Answer::NoName };
    let targets: Vec<(Option<String>, u16)> = if service.cluster_ips.is_empty() {
        directory.slices(key).iter().flat_map(|slice| targets(slice, port, protocol)).collect()
    } else {
        vec![(None, found.port)]
    };
    if targets.is_empty() {
        return Answer::NoName;
    }
    if wanted != RecordType::SRV {
        return Answer::NoData;
    }
    let weight = u16::try_from(100 / targets.len()).unwrap_or(0).max(1);
    let record = |(host, port): (Option<String>, u16)| Some(RData::SRV(SRV::new(0, weight, port, service_name(key, host.as_deref())?)));
    targets.into_iter().filter_map(record).collect::<Vec<_>>().into()
}

/// The ready endpoints of a slice that listen at a port, and its number.
fn targets(slice: &Arc<SliceView>, port: &str, protocol: Protocol) -> Vec<(Option<String>, u16)> {
    let Some(found) = slice.ports.iter().find(|found| found.name == port && found.protocol == Some(protocol)) else { return Vec::new() };
    let ready = slice.endpoints.iter().filter(|endpoint| endpoint.condition == Condition::Ready);
    ready.map(|endpoint| (Some(host(endpoint)), found.port)).collect()
}

/// The name of an address of a service or of one of its endpoints.
fn reverse(directory: &impl Directory, name: &Name, wanted: RecordType) -> Answer {
    let Ok(net) = name.parse_arpa_name() else { return Answer::Elsewhere };
    if net.prefix_len() != net.max_prefix_len() {
        return Answer::Elsewhere;
    }
    let address = net.addr();
    let target = match directory.service_at(address) {
        Some(key) => service_name(&key, None),
        None => directory.endpoint_at(address).and_then(|key| {
            let ready = ready(&directory.slices(&key));
            let endpoint = ready.iter().find(|endpoint| endpoint.address == address)?;
            service_name(&key, Some(&host(endpoint)))
        }),
    };
    match target {
        Some(target) if wanted == RecordType::PTR => Answer::Records(vec![RData::PTR(PTR(target))]),
        Some(_) => Answer::NoData,
        None => Answer::Elsewhere,
    }
}

fn ready(slices: &[Arc<SliceView>]) -> Vec<Endpoint> {
    let all = slices.iter().flat_map(|slice| &slice.endpoints);
    all.filter(|endpoint| endpoint.condition == Condition::Ready).cloned().collect()
}

fn addresses(all: impl IntoIterator<Item = IpAddr>, wanted: RecordType) -> Vec<RData> {
    let mut found: Vec<IpAddr> = all.into_iter().collect();
    found.sort();
    found.dedup();
    let record = |address| match (address, wanted) {
        (IpAddr::V4(v4), RecordType::A | RecordType::ANY) => Some(RData::A(v4.into())),
        (IpAddr::V6(v6), RecordType::AAAA | RecordType::ANY) => Some(RData::AAAA(v6.into())),
        _ => None,
    };
    found.into_iter().filter_map(record).collect()
}

fn host(endpoint: &Endpoint) -> String {
    endpoint.hostname.clone().unwrap_or_else(|| endpoint.address.to_string().replace(['.', ':'], "-"))
}

fn undashed(label: &str) -> Option<IpAddr> {
    label.replace('-', ".").parse().or_else(|_| label.replace('-', ":").parse()).ok()
}

/// `None` if it is too long for a name.
fn service_name(key: &ObjectKey, host: Option<&str>) -> Option<Name> {
    let host = host.map(|host| format!("{host}.")).unwrap_or_default();
    Name::from_ascii(format!("{host}{}.{}.svc.{DOMAIN}.", key.name, key.namespace)).ok()
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;

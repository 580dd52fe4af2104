//! Endpoints and endpoint slices.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use super::format::{dns_label, dns_subdomain, ip, port_number, qualified_name, special_address};
use super::object_meta::{labels, object_meta, object_meta_update};
use super::words::required_one_of;
use super::{ErrorList, NameForm, Path};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const SLICE_ENDPOINTS: usize = 1000;
const SLICE_PORTS: usize = 20_000;
const ENDPOINT_ADDRESSES: usize = 100;

pub fn endpoints(endpoints: &Endpoints) -> ErrorList {
    let mut errors = object_meta(&endpoints.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    subsets(endpoints, &mut errors);
    errors
}

pub fn endpoints_update(new: &Endpoints, old: &Endpoints) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    subsets(new, &mut errors);
    errors
}

fn subsets(endpoints: &Endpoints, errors: &mut ErrorList) {
    for (index, subset) in endpoints.subsets.iter().flatten().enumerate() {
        let path = Path::new("subsets");
        let path = path.index(index);
        let (ready, others) = (subset.addresses.as_deref().unwrap_or_default(), subset.not_ready_addresses.as_deref().unwrap_or_default());
        if ready.is_empty() && others.is_empty() {
            errors.required(&path, "must specify `addresses` or `notReadyAddresses`");
        }
        for (field, addresses) in [("addresses", ready), ("notReadyAddresses", others)] {
            for (index, one) in addresses.iter().enumerate() {
                address(one, &path.child(field).index(index), errors);
            }
        }
        let ports = subset.ports.as_deref().unwrap_or_default();
        for (index, port) in ports.iter().enumerate() {
            let path = path.child("ports");
            let path = path.index(index);
            match port.name.as_deref().unwrap_or_default() {
                "" if ports.len() > 1 => errors.required(&path.child("name"), ""),
                "" => {}
                name => errors.invalid_each(&path.child("name"), name, dns_label(name)),
            }
            if let Some(why) = port_number(port.port) {
                errors.invalid(&path.child("port"), port.port, why);
            }
            required_one_of(port.protocol.as_deref(), &PROTOCOLS, &path.child("protocol"), errors);
            application(port.app_protocol.as_deref(), &path, errors);
        }
    }
}

fn application(protocol: Option<&str>, path: &Path, errors: &mut ErrorList) {
    if let Some(protocol) = protocol {
        errors.invalid_each(&path.child("appProtocol"), protocol, qualified_name(protocol));
    }
}

fn address(address: &EndpointAddress, path: &Path, errors: &mut ErrorList) {
    let parsed = ip(&address.ip);
    if let Err(why) = parsed {
        errors.invalid(&path.child("ip"), &address.ip, why);
    }
    if let Some(name) = address.hostname.as_deref().filter(|name| !name.is_empty()) {
        errors.invalid_each(&path.child("hostname"), name, dns_label(name));
    }
    if let Some(name) = address.node_name.as_deref() {
        errors.invalid_each(&path.child("nodeName"), name, dns_subdomain(name));
    }
    match parsed {
        Ok(parsed) => errors.invalid_each(&path.child("ip"), &address.ip, special_address(parsed)),
        Err(_) => errors.invalid(&path.child("ip"), &address.ip, "must be a valid IP address"),
    }
}

pub fn endpoint_slice(slice: &EndpointSlice) -> ErrorList {
    let mut errors = object_meta(&slice.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    required_one_of(Some(&slice.address_type), &["FQDN", "IPv4", "IPv6"], &Path::new("addressType"), &mut errors);
    let path = Path::new("endpoints");
    if slice.endpoints.len() > SLICE_ENDPOINTS {
        errors.too_many(&path, slice.endpoints.len(), SLICE_ENDPOINTS);
    }
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        slice_endpoint(endpoint, &slice.address_type, &path.index(index), &mut errors);
    }
    slice_ports(slice.ports.as_deref().unwrap_or_default(), &Path::new("ports"), &mut errors);
    errors
}

pub fn endpoint_slice_update(new: &EndpointSlice, old: &EndpointSlice) -> ErrorList {
    if new.address_type != old.address_type {
        let mut errors = ErrorList::default();
        errors.immutable(&Path::new("addressType"), &new.address_type, &old.address_type, &new.address_type);
        return errors;
    }
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(endpoint_slice(new));
    errors
}

/// A domain is deprecated as an address.
pub fn endpoint_slice_warnings(slice: &EndpointSlice, _old: Option<&EndpointSlice>) -> Vec<String> {
    let is_domain = slice.address_type == "FQDN";
    is_domain.then(|| "spec.addressType: FQDN endpoints are deprecated".to_owned()).into_iter().collect()
}

fn slice_endpoint(endpoint: &Endpoint, kind: &str, path: &Path, errors: &mut ErrorList) {
    let at = path.child("addresses");
    if endpoint.addresses.is_empty() {
        errors.required(&at, "must contain at least 1 address");
    } else if endpoint.addresses.len() > ENDPOINT_ADDRESSES {
        errors.too_many(&at, endpoint.addresses.len(), ENDPOINT_ADDRESSES);
    }
    for (index, address) in endpoint.addresses.iter().enumerate() {
        if kind == "FQDN" {
            errors.invalid_each(&at.index(index), address, dns_subdomain(address));
            continue;
        }
        match ip(address) {
            Err(why) => errors.invalid(&at.index(index), address, why),
            Ok(parsed) => {
                if matches!(kind, "IPv4" | "IPv6") && parsed.is_ipv4() != (kind == "IPv4") {
                    errors.invalid(&at, address, &format!("must be an {kind} address"));
                }
                errors.invalid_each(&at.index(index), address, special_address(parsed));
            }
        }
    }
    if let Some(name) = endpoint.node_name.as_deref() {
        errors.invalid_each(&path.child("nodeName"), name, dns_subdomain(name));
    }
    labels(endpoint.deprecated_topology.as_ref(), &path.child("deprecatedTopology"), errors);
    if let Some(name) = endpoint.hostname.as_deref() {
        errors.invalid_each(&path.child("hostname"), name, dns_label(name));
    }
}

fn slice_ports(ports: &[EndpointPort], path: &Path, errors: &mut ErrorList) {
    if ports.len() > SLICE_PORTS {
        errors.too_many(path, ports.len(), SLICE_PORTS);
    }
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            errors.invalid_each(&path.child("name"), name, dns_label(name));
        }
        if !names.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
        required_one_of(port.protocol.as_deref(), &PROTOCOLS, &path.child("protocol"), errors);
        application(port.app_protocol.as_deref(), &path, errors);
    }
}

//! IP addresses and the ranges from which services get theirs.

use k8s_openapi::api::networking::v1::{IPAddress, ParentReference, ServiceCIDR};
use serde_json::json;

use super::address::{is_ipv4_range, strict_cidr};
use super::format::{dns_subdomain, path_segment};
use super::object_meta::{object_meta, object_meta_update};
use super::{ErrorList, IMMUTABLE, NameForm, Path, pod};

/// A range of each family.
const RANGES: usize = 2;

pub fn ip_address(address: &IPAddress) -> ErrorList {
    let mut errors = object_meta(&address.metadata, false, NameForm::Address, &Path::new("metadata"));
    let spec = Path::new("spec");
    let path = spec.child("parentRef");
    match address.spec.as_ref().map(|spec| &spec.parent_ref).filter(|parent| **parent != ParentReference::default()) {
        None => errors.required(&path, ""),
        Some(parent) => parent_reference(parent, &path, &mut errors),
    }
    errors
}

fn parent_reference(parent: &ParentReference, path: &Path, errors: &mut ErrorList) {
    let group = parent.group.as_deref().unwrap_or_default();
    if !group.is_empty() {
        errors.invalid_each(&path.child("group"), group, dns_subdomain(group));
    }
    for (field, name) in [("resource", &parent.resource), ("name", &parent.name)] {
        if name.is_empty() {
            errors.required(&path.child(field), "");
        }
        errors.invalid_each(&path.child(field), name, path_segment(name));
    }
    let namespace = parent.namespace.as_deref().unwrap_or_default();
    errors.invalid_each(&path.child("namespace"), namespace, path_segment(namespace));
}

pub fn ip_address_update(new: &IPAddress, old: &IPAddress) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let parent = |address: &IPAddress| address.spec.clone().unwrap_or_default().parent_ref;
    errors.immutable(&Path::new("spec").child("parentRef"), &parent(new), &parent(old), pod::struct_of(&parent(new)));
    errors
}

pub fn service_cidr(cidr: &ServiceCIDR) -> ErrorList {
    let mut errors = object_meta(&cidr.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    ranges(&cidrs(cidr), &Path::new("spec").child("cidrs"), &mut errors);
    errors
}

fn cidrs(cidr: &ServiceCIDR) -> Vec<String> {
    cidr.spec.as_ref().and_then(|spec| spec.cidrs.clone()).unwrap_or_default()
}

fn ranges(cidrs: &[String], path: &Path, errors: &mut ErrorList) {
    if cidrs.is_empty() {
        return errors.required(path, "at least one CIDR required");
    }
    if cidrs.len() > RANGES {
        return errors.invalid(path, json!({"CIDRs": cidrs}), "may only hold up to 2 values");
    }
    for (index, range) in cidrs.iter().enumerate() {
        errors.invalid_each(&path.index(index), range, strict_cidr(range));
    }
    if let [first, second] = cidrs
        && let (Some(first), Some(second)) = (is_ipv4_range(first), is_ipv4_range(second))
        && first == second
    {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.invalid(path, json!(cidrs), why);
    }
}

/// A range may be joined by one of the other family; nothing else changes.
pub fn service_cidr_update(new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let spec = Path::new("spec");
    let path = spec.child("cidrs");
    let (new, old) = (cidrs(new), cidrs(old));
    let is_joined = old.len() == 1 && new.len() == RANGES;
    if !is_joined && new.len() != old.len() {
        errors.invalid(&path, json!(new), IMMUTABLE);
        return errors;
    }
    for (index, (new, old)) in new.iter().zip(&old).enumerate() {
        errors.immutable(&path.index(index), new, old, new);
    }
    if is_joined {
        ranges(&new, &path, &mut errors);
    }
    errors
}

pub fn service_cidr_status_update(new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
}

//! Network policies.

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::address::{cidr_warnings, is_strictly_within};
use super::format::{cidr, port_name, port_number};
use super::label_selector::label_selector;
use super::object_meta::{object_meta, object_meta_update};
use super::words::one_of;
use super::{ErrorList, NameForm, Path};

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
const TYPES: [&str; 2] = ["Ingress", "Egress"];

/// A rule: its direction, its ports, the field of its peers, and these.
type Rule<'a> = (&'static str, &'a [NetworkPolicyPort], &'static str, &'a [NetworkPolicyPeer]);

pub fn network_policy(policy: &NetworkPolicy) -> ErrorList {
    let mut errors = object_meta(&policy.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    specification(policy, &mut errors);
    errors
}

pub fn network_policy_update(new: &NetworkPolicy, old: &NetworkPolicy) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    specification(new, &mut errors);
    errors
}

/// The rules of a policy, each with its place among those of its direction.
fn rules(spec: &NetworkPolicySpec) -> impl Iterator<Item = (usize, Rule<'_>)> {
    let incoming = spec
        .ingress
        .iter()
        .flatten()
        .map(|rule| ("ingress", rule.ports.as_deref().unwrap_or_default(), "from", rule.from.as_deref().unwrap_or_default()));
    let outgoing = spec
        .egress
        .iter()
        .flatten()
        .map(|rule| ("egress", rule.ports.as_deref().unwrap_or_default(), "to", rule.to.as_deref().unwrap_or_default()));
    incoming.enumerate().chain(outgoing.enumerate())
}

fn specification(policy: &NetworkPolicy, errors: &mut ErrorList) {
    let empty = NetworkPolicySpec::default();
    let spec = policy.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    label_selector(spec.pod_selector.as_ref(), &path.child("podSelector"), errors);
    for (index, (direction, ports, side, peers)) in rules(spec) {
        let path = path.child(direction);
        let path = path.index(index);
        for (index, one) in ports.iter().enumerate() {
            port(one, &path.child("ports").index(index), errors);
        }
        for (index, one) in peers.iter().enumerate() {
            peer(one, &path.child(side).index(index), errors);
        }
    }
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let path = path.child("policyTypes");
    if types.len() > TYPES.len() {
        return errors.invalid(&path, json!(types), "may not specify more than two policyTypes");
    }
    for (index, kind) in types.iter().enumerate() {
        one_of(Some(kind), &TYPES, &path.index(index), errors);
    }
}

fn port(port: &NetworkPolicyPort, path: &Path, errors: &mut ErrorList) {
    one_of(port.protocol.as_deref(), &PROTOCOLS, &path.child("protocol"), errors);
    let last = path.child("endPort");
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(first)), end) => {
            if let Some(why) = port_number(*first) {
                errors.invalid(&path.child("port"), *first, why);
            }
            let Some(end) = end else { return };
            if end < *first {
                errors.invalid(&last, end, "must be greater than or equal to `port`");
            }
            if let Some(why) = port_number(end) {
                errors.invalid(&last, end, why);
            }
        }
        (Some(IntOrString::String(name)), end) => {
            if let Some(end) = end {
                errors.invalid(&last, end, "may not be specified when `port` is non-numeric");
            }
            errors.invalid_each(&path.child("port"), name, port_name(name));
        }
        (None, Some(end)) => errors.invalid(&last, end, "may not be specified when `port` is not specified"),
        (None, None) => {}
    }
}

fn peer(peer: &NetworkPolicyPeer, path: &Path, errors: &mut ErrorList) {
    label_selector(peer.pod_selector.as_ref(), &path.child("podSelector"), errors);
    label_selector(peer.namespace_selector.as_ref(), &path.child("namespaceSelector"), errors);
    if let Some(one) = &peer.ip_block {
        block(one, &path.child("ipBlock"), errors);
    }
    let selects = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
    match (peer.ip_block.is_some(), selects) {
        (false, false) => errors.required(path, "must specify a peer"),
        (true, true) => errors.forbidden(path, "may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn block(block: &IPBlock, path: &Path, errors: &mut ErrorList) {
    let at = path.child("cidr");
    if block.cidr.is_empty() {
        return errors.required(&at, "");
    }
    if let Some(why) = cidr(&block.cidr) {
        return errors.invalid(&at, &block.cidr, why);
    }
    for (index, except) in block.except.iter().flatten().enumerate() {
        let at = path.child("except");
        let at = at.index(index);
        if let Some(why) = cidr(except) {
            errors.invalid(&at, except, why);
        } else if !is_strictly_within(except, &block.cidr) {
            errors.invalid(&at, except, "must be a strict subset of `cidr`");
        }
    }
}

/// Ranges that are written in an unusual way.
pub fn network_policy_warnings(policy: &NetworkPolicy, _old: Option<&NetworkPolicy>) -> Vec<String> {
    let Some(spec) = &policy.spec else { return Vec::new() };
    let mut warnings = Vec::new();
    for (index, (direction, _, side, peers)) in rules(spec) {
        for (peer, block) in peers.iter().enumerate().filter_map(|(place, peer)| Some((place, peer.ip_block.as_ref()?))) {
            let path = Path::new("spec");
            let path = path.child(direction);
            let path = path.index(index);
            let path = path.child(side);
            let path = path.index(peer);
            let path = path.child("ipBlock");
            warnings.extend(cidr_warnings(&block.cidr, &path.child("cidr")));
            for (index, except) in block.except.iter().flatten().enumerate() {
                warnings.extend(cidr_warnings(except, &path.child("except").index(index)));
            }
        }
    }
    warnings
}

//! Services.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec, SessionAffinityConfig};
use serde_json::json;

use super::format::{cidr, dns_label, dns_subdomain, ip, port_number, qualified_name, special_address};
use super::object_meta::{labels, object_meta, object_meta_update};
use super::pod::port;
use super::words::{one_of, required_one_of};
use super::{ErrorList, NameForm, Path};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
/// One day.
const AFFINITY_SECONDS: i32 = 86_400;
const KUBELET_PORT: i32 = 10_250;

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ips.as_deref().is_some_and(|ips| ips.len() == 1 && ips[0] == "None")
}

pub fn service(service: &Service) -> ErrorList {
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    let mut errors = ErrorList::default();
    addresses(spec, &path, &mut errors);
    // What the allocator cannot read it reports alone.
    if errors.is_empty() { complete(service, spec, &path) } else { errors }
}

/// All of a service whose addresses can be read.
fn complete(service: &Service, spec: &ServiceSpec, path: &Path) -> ErrorList {
    let mut errors = object_meta(&service.metadata, true, NameForm::Label1035, &Path::new("metadata"));
    let kind = text(&spec.type_);
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.required(&path.child("ports"), "");
    }
    by_type(spec, kind, path, &mut errors);
    for (index, port) in ports.iter().enumerate() {
        service_port(port, &ports[..index], ports.len() > 1, &path.child("ports").index(index), &mut errors);
    }
    labels(spec.selector.as_ref(), &path.child("selector"), &mut errors);
    required_one_of(spec.session_affinity.as_deref(), &["ClientIP", "None"], &path.child("sessionAffinity"), &mut errors);
    affinity(text(&spec.session_affinity), spec.session_affinity_config.as_ref(), &path.child("sessionAffinityConfig"), &mut errors);
    for (index, address) in spec.external_ips.iter().flatten().enumerate() {
        let at = path.child("externalIPs");
        let at = at.index(index);
        match ip(address) {
            Err(why) => errors.invalid(&at, address, why),
            Ok(parsed) => errors.invalid_each(&at, address, special_address(parsed)),
        }
    }
    required_one_of(Some(kind), &TYPES, &path.child("type"), &mut errors);
    distinct_ports(ports, kind, &path.child("ports"), &mut errors);
    load_balancer(spec, kind, path, &mut errors);
    traffic(spec, kind, path, &mut errors);
    errors
}

fn by_type(spec: &ServiceSpec, kind: &str, path: &Path, errors: &mut ErrorList) {
    if matches!(kind, "LoadBalancer" | "NodePort") && is_headless(spec) {
        errors.invalid(&path.child("clusterIPs").index(0), "None", &format!("may not be set to 'None' for {kind} services"));
    }
    if kind == "LoadBalancer" {
        for (index, _) in spec.ports.iter().flatten().enumerate().filter(|(_, port)| port.port == KUBELET_PORT) {
            let why = format!("may not expose port {KUBELET_PORT} externally since it is used by kubelet");
            errors.invalid(&path.child("ports").index(index), KUBELET_PORT, &why);
        }
    }
    if kind != "ExternalName" {
        return;
    }
    for (field, is_set) in [
        ("clusterIPs", spec.cluster_ips.as_ref().is_some_and(|ips| !ips.is_empty())),
        ("ipFamilies", spec.ip_families.as_ref().is_some_and(|families| !families.is_empty())),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ] {
        if is_set {
            errors.forbidden(&path.child(field), "may not be set for ExternalName services");
        }
    }
    let name = text(&spec.external_name);
    match name.strip_suffix('.').unwrap_or(name) {
        "" => errors.required(&path.child("externalName"), ""),
        name => errors.invalid_each(&path.child("externalName"), name, dns_subdomain(name)),
    }
}

fn service_port(one: &ServicePort, before: &[ServicePort], needs_name: bool, path: &Path, errors: &mut ErrorList) {
    match text(&one.name) {
        "" if needs_name => errors.required(&path.child("name"), ""),
        "" => {}
        name => {
            errors.invalid_each(&path.child("name"), name, dns_label(name));
            if before.iter().any(|other| text(&other.name) == name) {
                errors.duplicate(&path.child("name"), name);
            }
        }
    }
    if let Some(why) = port_number(one.port) {
        errors.invalid(&path.child("port"), one.port, why);
    }
    required_one_of(one.protocol.as_deref(), &PROTOCOLS, &path.child("protocol"), errors);
    if let Some(target) = &one.target_port {
        port(target, &path.child("targetPort"), errors);
    }
    if let Some(protocol) = one.app_protocol.as_deref() {
        errors.invalid_each(&path.child("appProtocol"), protocol, qualified_name(protocol));
    }
}

fn affinity(affinity: &str, config: Option<&SessionAffinityConfig>, path: &Path, errors: &mut ErrorList) {
    const WHEN: &str = "when session affinity type is ClientIP";
    match (affinity, config) {
        ("None", Some(_)) => errors.forbidden(path, "must not be set when session affinity is None"),
        ("ClientIP", None) => errors.required(path, WHEN),
        ("ClientIP", Some(config)) => {
            let path = path.child("clientIP");
            match config.client_ip.as_ref().map(|client| client.timeout_seconds) {
                None => errors.required(&path, WHEN),
                Some(None) => errors.required(&path.child("timeoutSeconds"), WHEN),
                Some(Some(seconds)) if !(1..=AFFINITY_SECONDS).contains(&seconds) => {
                    let why = format!("must be greater than 0 and less than {AFFINITY_SECONDS}");
                    errors.invalid(&path.child("timeoutSeconds"), seconds, &why);
                }
                Some(Some(_)) => {}
            }
        }
        _ => {}
    }
}

/// No two ports take one port of the service, or of the nodes.
fn distinct_ports(ports: &[ServicePort], kind: &str, path: &Path, errors: &mut ErrorList) {
    let node_port = |port: &ServicePort| port.node_port.unwrap_or_default();
    for (index, port) in ports.iter().enumerate() {
        let at = path.index(index);
        if kind == "ClusterIP" && node_port(port) != 0 {
            errors.forbidden(&at.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
    for (index, port) in ports.iter().enumerate().filter(|(_, port)| node_port(port) != 0) {
        if ports[..index].iter().any(|other| (&other.protocol, node_port(other)) == (&port.protocol, node_port(port))) {
            errors.duplicate(&path.index(index).child("nodePort"), node_port(port));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        if ports[..index].iter().any(|other| (&other.protocol, other.port) == (&port.protocol, port.port)) {
            let shown =
                json!({"Name": "", "Protocol": port.protocol, "AppProtocol": null, "Port": port.port, "TargetPort": 0, "NodePort": 0});
            errors.duplicate(&path.index(index), shown);
        }
    }
}

fn load_balancer(spec: &ServiceSpec, kind: &str, path: &Path, errors: &mut ErrorList) {
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    let at = path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && kind != "LoadBalancer" {
        errors.forbidden(&at, ONLY_LOAD_BALANCER);
    }
    for (index, range) in ranges.iter().enumerate() {
        if let Some(why) = cidr(range.trim()) {
            errors.invalid(&at.index(index), range.trim(), why);
        }
    }
    if spec.allocate_load_balancer_node_ports.is_some() && kind != "LoadBalancer" {
        errors.forbidden(&path.child("allocateLoadBalancerNodePorts"), ONLY_LOAD_BALANCER);
    }
    match spec.load_balancer_class.as_deref() {
        Some(_) if kind != "LoadBalancer" => errors.forbidden(&path.child("loadBalancerClass"), ONLY_LOAD_BALANCER),
        Some(class) => errors.invalid_each(&path.child("loadBalancerClass"), class, qualified_name(class)),
        None => {}
    }
}

fn traffic(spec: &ServiceSpec, kind: &str, path: &Path, errors: &mut ErrorList) {
    let has_external_ips = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    let is_reached_from_outside = matches!(kind, "LoadBalancer" | "NodePort") || (kind == "ClusterIP" && has_external_ips);
    let (external, at) = (text(&spec.external_traffic_policy), path.child("externalTrafficPolicy"));
    if is_reached_from_outside {
        required_one_of(Some(external), &["Cluster", "Local"], &at, errors);
    } else if !external.is_empty() {
        errors.invalid(&at, external, "may only be set for externally-accessible services");
    }
    let (health, at) = (spec.health_check_node_port.unwrap_or_default(), path.child("healthCheckNodePort"));
    if health != 0 && !(kind == "LoadBalancer" && external == "Local") {
        errors.invalid(&at, health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else if let Some(why) = port_number(health).filter(|_| health != 0) {
        errors.invalid(&at, health, why);
    }
    let (internal, at) = (spec.internal_traffic_policy.as_deref(), path.child("internalTrafficPolicy"));
    if internal.is_none() && matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer") {
        errors.required(&at, "");
    }
    one_of(internal, &["Cluster", "Local"], &at, errors);
    let distributions = ["PreferClose", "PreferSameNode", "PreferSameZone"];
    one_of(spec.traffic_distribution.as_deref(), &distributions, &path.child("trafficDistribution"), errors);
}

/// The service's addresses and their families.
fn addresses(spec: &ServiceSpec, path: &Path, errors: &mut ErrorList) {
    if text(&spec.type_) == "ExternalName" {
        return;
    }
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let at = path.child("clusterIPs");
    match (text(&spec.cluster_ip), ips.first()) {
        ("", Some(_)) => errors.invalid(&at, json!(ips), "must be empty when `clusterIP` is not specified"),
        (primary, Some(first)) if primary != first => errors.invalid(&at.index(0), first, "first value must match `clusterIP`"),
        _ => {}
    }
    for (index, family) in families.iter().enumerate() {
        one_of(Some(family), &["IPv4", "IPv6"], &path.child("ipFamilies").index(index), errors);
        if families[..index].contains(family) {
            errors.duplicate(&path.child("ipFamilies").index(index), family);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    one_of(spec.ip_family_policy.as_deref(), &policies, &path.child("ipFamilyPolicy"), errors);
    let mut readable = true;
    for (index, address) in ips.iter().enumerate() {
        if index == 0 && address == "None" {
            if ips.len() > 1 {
                readable = false;
                errors.invalid(&at, json!(ips), "'None' must be the first and only value");
            }
        } else if let Err(why) = ip(address) {
            readable = false;
            errors.invalid(&at.index(index), address, why);
        }
    }
    if ips.len() > 2 {
        errors.invalid(&at, json!(ips), "may only hold up to 2 values");
    }
    if !readable || is_headless(spec) {
        return;
    }
    for (index, (address, family)) in ips.iter().zip(families).enumerate() {
        let is_of_family = address.contains(':') == (family == "IPv6");
        if matches!(family.as_str(), "IPv4" | "IPv6") && !is_of_family {
            errors.invalid(&at.index(index), address, &format!("expected an {family} value as indicated by `ipFamilies[{index}]`"));
        }
    }
}

pub fn service_update(new: &Service, old: &Service) -> ErrorList {
    let judged = service(new);
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else { return judged };
    let mut unreadable = ErrorList::default();
    let path = Path::new("spec");
    addresses(new_spec, &path, &mut unreadable);
    if !unreadable.is_empty() {
        return unreadable;
    }
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let is_external = |spec: &ServiceSpec| text(&spec.type_) == "ExternalName";
    if !is_external(new_spec) && !is_external(old_spec) {
        let (new, old) = (new_spec.cluster_ips.as_deref().unwrap_or_default(), old_spec.cluster_ips.as_deref().unwrap_or_default());
        stays(new, old, &path.child("clusterIPs"), "primary clusterIP can not be unset", &mut errors);
        let (new, old) = (new_spec.ip_families.as_deref().unwrap_or_default(), old_spec.ip_families.as_deref().unwrap_or_default());
        stays(new, old, &path.child("ipFamilies"), "primary ipFamily can not be unset", &mut errors);
    }
    let both_balanced = [new_spec, old_spec].iter().all(|spec| text(&spec.type_) == "LoadBalancer");
    if both_balanced && new_spec.load_balancer_class != old_spec.load_balancer_class {
        errors.invalid(&path.child("loadBalancerClass"), &new_spec.load_balancer_class, "may not change once set");
    }
    errors.extend(judged);
    errors
}

/// What was given at first is kept; a second value may come and go.
fn stays(new: &[String], old: &[String], path: &Path, unset: &str, errors: &mut ErrorList) {
    match (new.first(), old.first()) {
        (None, Some(_)) => errors.invalid(&path.index(0), json!(new), unset),
        _ => {
            for (index, _) in new.iter().zip(old).enumerate().filter(|(_, (new, old))| new != old) {
                errors.invalid(&path.index(index), json!(new), "may not change once set");
            }
        }
    }
}

/// What a load balancer's controller reports.
pub fn service_status_update(new: &Service, old: &Service) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let path = Path::new("status");
    let path = path.child("loadBalancer");
    let ingress = new.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref()).unwrap_or_default();
    let kind = new.spec.as_ref().map_or("", |spec| text(&spec.type_));
    if kind != "LoadBalancer" && !ingress.is_empty() {
        errors.forbidden(&path.child("ingress"), "may only be used when `spec.type` is 'LoadBalancer'");
        return errors;
    }
    for (index, one) in ingress.iter().enumerate() {
        let at = path.child("ingress");
        let at = at.index(index);
        match one.ip.as_deref() {
            Some(address) if !address.is_empty() => {
                if let Err(why) = ip(address) {
                    errors.invalid(&at.child("ip"), address, why);
                }
                required_one_of(one.ip_mode.as_deref(), &["Proxy", "VIP"], &at.child("ipMode"), &mut errors);
            }
            _ if one.ip_mode.is_some() => errors.forbidden(&at.child("ipMode"), "may not be specified when `ip` is not set"),
            _ => {}
        }
        if let Some(name) = one.hostname.as_deref().filter(|name| !name.is_empty()) {
            errors.invalid_each(&at.child("hostname"), name, dns_subdomain(name));
        }
    }
    errors
}

/// What is deprecated, and what is not used.
pub fn service_warnings(service: &Service, _old: Option<&Service>) -> Vec<String> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let mut warnings = Vec::new();
    if is_headless(spec) && spec.session_affinity.as_deref().is_some_and(|affinity| affinity != "None") {
        warnings.push("spec.SessionAffinity is ignored for headless services".to_owned());
    }
    if text(&spec.type_) == "ExternalName" && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if text(&spec.type_) != "ExternalName" && !text(&spec.external_name).is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if text(&spec.traffic_distribution) == "PreferClose" {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
    warnings
}

//! Ingresses.

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend, IngressSpec, IngressTLS};
use serde_json::json;

use super::address::ip_warnings;
use super::format::{self, Wrong, dns_1035_label, dns_label, dns_subdomain, path_segment, port_name, port_number, wildcard_subdomain};
use super::object_meta::{object_meta, object_meta_update};
use super::words::required;
use super::{ErrorList, NameForm, Path};

/// What named the class before there was a field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const PATH_TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];
const FORBIDDEN_PARTS: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const FORBIDDEN_ENDS: [&str; 2] = ["/..", "/."];

/// What an update still takes because the object said it before.
#[derive(Clone, Copy, Default)]
struct Leniency {
    any_secret_name: bool,
    any_wildcard_rule: bool,
    services_with_digits: bool,
}

pub fn ingress(ingress: &Ingress) -> ErrorList {
    let mut errors = whole(ingress, Leniency::default());
    let named = ingress.metadata.annotations.as_ref().and_then(|annotations| annotations.get(CLASS_ANNOTATION));
    if let (Some(named), Some(class)) = (named, ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref()))
        && named != class
    {
        let why = "must match `ingressClassName` when both are specified";
        errors.invalid(&Path::new("annotations").child(CLASS_ANNOTATION), named, why);
    }
    errors
}

pub fn ingress_update(new: &Ingress, old: &Ingress) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(whole(new, leniency(old)));
    errors
}

fn leniency(old: &Ingress) -> Leniency {
    let Some(spec) = &old.spec else { return Leniency::default() };
    let rules = || spec.rules.iter().flatten();
    let paths = || rules().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
    let backends = paths().map(|path| &path.backend).chain(&spec.default_backend);
    let names: Vec<_> = backends.filter_map(|backend| Some(&backend.service.as_ref()?.name)).collect();
    Leniency {
        any_secret_name: spec.tls.iter().flatten().any(|tls| !secret_name(tls).is_empty()),
        any_wildcard_rule: rules().filter(|rule| rule.host.as_deref().unwrap_or_default().contains('*')).any(|rule| {
            let mut errors = ErrorList::default();
            let http = rule.http.as_ref().map(|http| http.paths.as_slice());
            http.into_iter().for_each(|paths| http_paths(paths, Leniency::default(), &Path::ROOT, &mut errors));
            !errors.is_empty()
        }),
        services_with_digits: names.iter().any(|name| dns_label(name).is_empty() && !dns_1035_label(name).is_empty()),
    }
}

fn whole(ingress: &Ingress, leniency: Leniency) -> ErrorList {
    let mut errors = object_meta(&ingress.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    let empty = IngressSpec::default();
    specification(ingress.spec.as_ref().unwrap_or(&empty), leniency, &Path::new("spec"), &mut errors);
    errors
}

fn specification(spec: &IngressSpec, leniency: Leniency, path: &Path, errors: &mut ErrorList) {
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        errors.invalid(path, json!(spec.rules), "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(one) = &spec.default_backend {
        backend(one, leniency, &path.child("defaultBackend"), errors);
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = path.child("rules");
        let path = path.index(index);
        let host = rule.host.as_deref().unwrap_or_default();
        if format::ip(host).is_ok() {
            errors.invalid(&path.child("host"), host, "must be a DNS name, not an IP address");
        }
        if !host.is_empty() {
            errors.invalid_each(&path.child("host"), host, host_name(host));
        }
        if let Some(http) = rule.http.as_ref().filter(|_| !leniency.any_wildcard_rule || !host.contains('*')) {
            http_paths(&http.paths, leniency, &path.child("http"), errors);
        }
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        let path = path.child("tls");
        let path = path.index(index);
        for (index, host) in tls.hosts.iter().flatten().enumerate() {
            errors.invalid_each(&path.child("hosts").index(index), host, host_name(host));
        }
        if !leniency.any_secret_name {
            errors.invalid_each(&path.child("secretName"), tls.secret_name.as_deref().unwrap_or_default(), secret_name(tls));
        }
    }
    if let Some(class) = spec.ingress_class_name.as_deref() {
        errors.invalid_each(&path.child("ingressClassName"), class, dns_subdomain(class));
    }
}

fn host_name(host: &str) -> Wrong {
    if host.contains('*') { wildcard_subdomain(host) } else { dns_subdomain(host) }
}

fn secret_name(tls: &IngressTLS) -> Wrong {
    tls.secret_name.as_deref().filter(|name| !name.is_empty()).map(dns_subdomain).unwrap_or_default()
}

fn http_paths(paths: &[HTTPIngressPath], leniency: Leniency, path: &Path, errors: &mut ErrorList) {
    let path = path.child("paths");
    if paths.is_empty() {
        errors.required(&path, "");
    }
    for (index, one) in paths.iter().enumerate() {
        http_path(one, leniency, &path.index(index), errors);
    }
}

fn http_path(one: &HTTPIngressPath, leniency: Leniency, path: &Path, errors: &mut ErrorList) {
    let (text, at) = (one.path.as_deref().unwrap_or_default(), path.child("path"));
    match one.path_type.as_str() {
        "" => return errors.required(&path.child("pathType"), "pathType must be specified"),
        "Exact" | "Prefix" => {
            if !text.starts_with('/') {
                errors.invalid(&at, text, "must be an absolute path");
            }
            for part in FORBIDDEN_PARTS.iter().filter(|part| text.contains(**part)) {
                errors.invalid(&at, text, &format!("must not contain '{part}'"));
            }
            for end in FORBIDDEN_ENDS.iter().filter(|end| text.ends_with(**end)) {
                errors.invalid(&at, text, &format!("cannot end with '{end}'"));
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.invalid(&at, text, "must be an absolute path");
            }
        }
        other => errors.not_supported(&path.child("pathType"), other, &PATH_TYPES),
    }
    backend(&one.backend, leniency, &path.child("backend"), errors);
}

fn backend(backend: &IngressBackend, leniency: Leniency, path: &Path, errors: &mut ErrorList) {
    let service = match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => return errors.invalid(path, "", "cannot set both resource and service backends"),
        (None, None) => return errors.invalid(path, "", "resource or service backend is required"),
        (Some(resource), None) => {
            return reference(resource.api_group.as_deref(), &resource.kind, &resource.name, &path.child("resource"), errors);
        }
        (None, Some(service)) => service,
    };
    let at = path.child("service");
    required(&service.name, &at.child("name"), errors);
    if !service.name.is_empty() {
        let wrong = if leniency.services_with_digits { dns_label(&service.name) } else { dns_1035_label(&service.name) };
        errors.invalid_each(&at.child("name"), &service.name, wrong);
    }
    let port = service.port.clone().unwrap_or_default();
    let (name, number) = (port.name.as_deref().unwrap_or_default(), port.number.unwrap_or_default());
    match (name.is_empty(), number) {
        (false, 1.. | ..0) => errors.invalid(path, "", "cannot set both port name & port number"),
        (false, 0) => errors.invalid_each(&at.child("port").child("name"), name, port_name(name)),
        (true, 0) => errors.required(path, "port name or number is required"),
        (true, number) => {
            if let Some(why) = port_number(number) {
                errors.invalid(&at.child("port").child("number"), number, why);
            }
        }
    }
}

/// A reference to an object of any kind.
pub fn reference(group: Option<&str>, kind: &str, name: &str, path: &Path, errors: &mut ErrorList) {
    if let Some(group) = group {
        errors.invalid_each(&path.child("apiGroup"), group, dns_subdomain(group));
    }
    for (field, text) in [("kind", kind), ("name", name)] {
        required(text, &path.child(field), errors);
        errors.invalid_each(&path.child(field), text, path_segment(text));
    }
}

pub fn ingress_status_update(new: &Ingress, old: &Ingress) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let status = Path::new("status");
    let balancer = status.child("loadBalancer");
    let path = balancer.child("ingress");
    let points = new.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref()).unwrap_or_default();
    for (index, point) in points.iter().enumerate() {
        let path = path.index(index);
        if let Some(ip) = point.ip.as_deref().filter(|ip| !ip.is_empty())
            && let Err(why) = format::ip(ip)
        {
            errors.invalid(&path.child("ip"), ip, why);
        }
        if let Some(host) = point.hostname.as_deref().filter(|host| !host.is_empty()) {
            errors.invalid_each(&path.child("hostname"), host, dns_subdomain(host));
            if format::ip(host).is_ok() {
                errors.invalid(&path.child("hostname"), host, "must be a DNS name, not an IP address");
            }
        }
    }
    errors
}

/// A new ingress should name its class by the field; addresses should be written as usual.
pub fn ingress_warnings(ingress: &Ingress, old: Option<&Ingress>) -> Vec<String> {
    let points = |ingress: &'_ Ingress| {
        let balancer = ingress.status.clone().and_then(|status| status.load_balancer);
        balancer.and_then(|balancer| balancer.ingress).unwrap_or_default()
    };
    let Some(old) = old else {
        let is_named = ingress.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(CLASS_ANNOTATION));
        let has_field = ingress.spec.as_ref().is_some_and(|spec| spec.ingress_class_name.is_some());
        let warning = format!("annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead");
        return (is_named && !has_field).then_some(warning).into_iter().collect();
    };
    let (new, old) = (points(ingress), points(old));
    if new == old {
        return Vec::new();
    }
    let status = Path::new("status");
    let balancer = status.child("loadBalancer");
    let path = balancer.child("ingress");
    let addresses = new.iter().enumerate().filter_map(|(index, point)| Some((index, point.ip.as_deref()?)));
    addresses.flat_map(|(index, ip)| ip_warnings(ip, &path.index(index).child("ip"))).collect()
}

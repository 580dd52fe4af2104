//! What a pod says of names, addresses and the host's namespaces.

use k8s_openapi::api::core::v1::{HostAlias, PodDNSConfig, PodSpec};
use serde_json::json;

use crate::api::validation::format::{dns_subdomain, ip};
use crate::api::validation::{ErrorList, Path};

const NAMESERVERS: usize = 3;
const SEARCHES: usize = 32;
const SEARCH_LENGTH: usize = 2048;

pub fn dns_config(config: Option<&PodDNSConfig>, policy: &str, path: &Path, errors: &mut ErrorList) {
    let servers = config.and_then(|config| config.nameservers.as_deref()).unwrap_or_default();
    if policy == "None" {
        if config.is_none() {
            return errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.is_empty() {
            return errors.required(&path.child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    let Some(config) = config else { return };
    if servers.len() > NAMESERVERS {
        errors.invalid(&path.child("nameservers"), json!(servers), &format!("must not have more than {NAMESERVERS} nameservers"));
    }
    for (index, server) in servers.iter().enumerate() {
        address(server, &path.child("nameservers").index(index), errors);
    }
    let searches = config.searches.as_deref().unwrap_or_default();
    let at = path.child("searches");
    if searches.len() > SEARCHES {
        errors.invalid(&at, json!(searches), &format!("must not have more than {SEARCHES} search paths"));
    }
    if searches.join(" ").len() > SEARCH_LENGTH {
        let why = format!("must not have more than {SEARCH_LENGTH} characters (including spaces) in the search list");
        errors.invalid(&at, json!(searches), &why);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let name = search.strip_suffix('.').unwrap_or(search);
        errors.invalid_each(&at.index(index), name, dns_subdomain(&name.replace('_', "a")));
    }
    for (index, option) in config.options.iter().flatten().enumerate() {
        if option.name.as_deref().unwrap_or_default().is_empty() {
            errors.required(&path.child("options").index(index), "must not be empty");
        }
    }
}

fn address(text: &str, path: &Path, errors: &mut ErrorList) {
    if let Err(why) = ip(text) {
        errors.invalid(path, text, why);
    }
}

pub fn host_aliases(aliases: &[HostAlias], path: &Path, errors: &mut ErrorList) {
    for (index, alias) in aliases.iter().enumerate() {
        let at = path.index(index);
        address(&alias.ip, &at.child("ip"), errors);
        for (index, name) in alias.hostnames.iter().flatten().enumerate() {
            errors.invalid_each(&at.child("hostnames").index(index), name, dns_subdomain(name));
        }
    }
}

/// On the host's network a container's port cannot become another one of the host.
pub fn host_network_ports(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    if spec.host_network != Some(true) {
        return;
    }
    let lists = [("initContainers", spec.init_containers.as_deref().unwrap_or_default()), ("containers", &spec.containers)];
    for (field, containers) in lists {
        let at = path.child(field);
        for (index, container) in containers.iter().enumerate() {
            let at = at.index(index);
            let at = at.child("ports");
            for (index, port) in container.ports.iter().flatten().enumerate() {
                if let Some(number) = port.host_port.filter(|number| *number != port.container_port) {
                    errors.invalid(&at.index(index).child("hostPort"), number, "must match `containerPort` when `hostNetwork` is true");
                }
            }
        }
    }
}

/// A pod with users of its own shares no other namespace with the host.
pub fn host_users(spec: &PodSpec, path: &Path, errors: &mut ErrorList) {
    if spec.host_users != Some(false) {
        return;
    }
    for (field, shared) in [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)] {
        if shared == Some(true) {
            errors.forbidden(&path.child(field), "when `hostUsers` is false");
        }
    }
}

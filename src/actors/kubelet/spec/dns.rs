//! A pod's resolv.conf (the concept page "DNS for Services and Pods").

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use super::{NodeFacts, is_host_network};
use crate::runtime::containers::Dns;

/// What resolv.conf allows.
const MOST_SERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;

/// What stands in a pod's resolv.conf; `None` leaves the host's, whose content is given.
pub fn dns(pod: &Pod, node: NodeFacts, host: &str) -> Option<Dns> {
    let spec = pod.spec.as_ref()?;
    let own = spec.dns_config.as_ref();
    let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let by_cluster = policy == "ClusterFirstWithHostNet" || policy == "ClusterFirst" && !is_host_network(pod);
    let mut dns = match node.cluster_dns.filter(|_| by_cluster) {
        Some(server) => {
            let (namespace, domain) = (pod.metadata.namespace.as_deref().unwrap_or_default(), node.cluster_domain);
            let mut searches = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()];
            searches.extend(parse(host).searches);
            Dns { servers: vec![server], searches, options: vec!["ndots:5".to_owned()] }
        }
        None if policy == "None" => Dns::default(),
        None if own.is_none() => return None,
        None => parse(host),
    };
    if let Some(own) = own {
        let servers = own.nameservers.iter().flatten().filter_map(|server| server.parse::<IpAddr>().ok());
        extend(&mut dns.servers, servers);
        extend(&mut dns.searches, own.searches.iter().flatten().cloned());
        for option in own.options.iter().flatten() {
            let name = option.name.clone().unwrap_or_default();
            dns.options.retain(|old| old.split(':').next() != Some(&name));
            dns.options.push(option.value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}:{value}")));
        }
    }
    dns.servers.truncate(MOST_SERVERS);
    dns.searches.truncate(MOST_SEARCHES);
    Some(dns)
}

fn extend<T: PartialEq>(list: &mut Vec<T>, more: impl Iterator<Item = T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

/// Reads a resolv.conf.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => dns.servers.extend(words.next().and_then(|server| server.parse::<IpAddr>().ok())),
            Some("search") => dns.searches = words.filter(|search| *search != ".").map(str::to_owned).collect(),
            Some("options") => dns.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    dns
}

use std::fmt::Write;

use k8s_openapi::api::core::v1::Pod;

use super::{NodeFacts, hostname, is_host_network};

/// A pod's `/etc/hosts`: its own names and its aliases; on the host's network, the host's file and the aliases.
pub fn hosts(pod: &Pod, pod_ip: Option<&str>, node: NodeFacts, host: &str) -> String {
    let mut text = String::from("# Managed by the kubelet.\n");
    if is_host_network(pod) {
        text.push_str(host);
    } else {
        text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.push_str("fe00::\tip6-localnet\nfe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
        let spec = pod.spec.clone().unwrap_or_default();
        let short = hostname(pod, node);
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let full = spec.subdomain.map(|sub| format!("{short}.{sub}.{namespace}.svc.{}\t", node.cluster_domain)).unwrap_or_default();
        if let Some(ip) = pod_ip {
            let _ = writeln!(text, "{ip}\t{full}{short}");
        }
    }
    let aliases = pod.spec.iter().flat_map(|spec| spec.host_aliases.iter().flatten());
    for alias in aliases {
        let _ = writeln!(text, "{}\t{}", alias.ip, alias.hostnames.iter().flatten().cloned().collect::<Vec<_>>().join("\t"));
    }
    text
}

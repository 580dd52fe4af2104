//! The baseline: what is known to let pods out of their bounds.

use serde_json::Value;

use super::level::{Check, Standard, check};
use super::pod::{Pod, Violation, containers, distinct, name, plural, quoted, uses, violation};

pub const CHECKS: [Check; 12] = [
    check(0, app_armor),
    Check { overridden: Some(22), ..check(0, capabilities) },
    check(0, host_namespaces),
    Check { overridden: Some(0), ..check(0, host_path) },
    check(0, host_ports),
    check(34, probe_hosts),
    check(0, privileged),
    check(0, proc_mount),
    check(0, se_linux),
    Check { overridden: Some(19), ..check(0, seccomp) },
    check(0, sysctls),
    check(0, host_process),
];

const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Kernel parameters that are a pod's own, and the minor versions from which they may be set.
const SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

fn app_armor(pod: &Pod, _: &Standard) -> Option<Violation> {
    let kind = |context: &'_ Value| context["appArmorProfile"]["type"].as_str().unwrap_or_default().to_owned();
    let is_bad = |kind: &str| !matches!(kind, "" | "RuntimeDefault" | "Localhost");
    let mut setters = pod.setters(|context| is_bad(&kind(context)));
    let contexts = std::iter::once(pod.context()).chain(pod.containers().map(|container| &container["securityContext"]));
    let mut values: Vec<String> = contexts.map(kind).filter(|kind| is_bad(kind)).collect();
    let annotations = pod.metadata["annotations"].as_object().into_iter().flatten();
    let mut bad: Vec<String> = Vec::new();
    for (key, value) in annotations.filter(|(key, _)| key.starts_with(APP_ARMOR)) {
        let value = value.as_str().unwrap_or_default();
        if !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")) {
            bad.push(format!("{key}={value:?}"));
            values.push(value.to_owned());
        }
    }
    if !bad.is_empty() {
        setters.push(format!("{} {}", plural("annotation", bad.len()), bad.join(", ")));
    }
    let values = distinct(values.iter().map(String::as_str));
    if setters.is_empty() {
        return None;
    }
    let reason = plural("forbidden AppArmor profile", values.len());
    violation(&reason, format!("{} must not set AppArmor profile type to {}", setters.join(" and "), quoted(&values)))
}

fn capabilities(pod: &Pod, _: &Standard) -> Option<Violation> {
    let added = |container: &'_ Value| -> Vec<String> {
        let added = container["securityContext"]["capabilities"]["add"].as_array().into_iter().flatten();
        added.filter_map(Value::as_str).filter(|name| !DEFAULT_CAPABILITIES.contains(name)).map(str::to_owned).collect()
    };
    let bad = pod.containers_that(|container| !added(container).is_empty());
    if bad.is_empty() {
        return None;
    }
    let all: Vec<String> = pod.containers().flat_map(added).collect();
    let all = distinct(all.iter().map(String::as_str));
    let detail = format!("{} must not include {} in securityContext.capabilities.add", containers(&bad), quoted(&all));
    violation("non-default capabilities", detail)
}

fn host_namespaces(pod: &Pod, _: &Standard) -> Option<Violation> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .iter()
        .filter(|field| pod.spec[**field] == true)
        .map(|field| format!("{field}=true"))
        .collect();
    if shared.is_empty() { None } else { violation("host namespaces", shared.join(", ")) }
}

fn host_path(pod: &Pod, _: &Standard) -> Option<Violation> {
    let volumes = pod.spec["volumes"].as_array().into_iter().flatten();
    let names: Vec<&str> = volumes.filter(|volume| !volume["hostPath"].is_null()).map(name).collect();
    if names.is_empty() {
        return None;
    }
    violation("hostPath volumes", format!("{} {}", plural("volume", names.len()), quoted(&names)))
}

fn host_ports(pod: &Pod, _: &Standard) -> Option<Violation> {
    let taken = |container: &'_ Value| -> Vec<String> {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.filter_map(|port| port["hostPort"].as_i64()).filter(|port| *port != 0).map(|port| port.to_string()).collect()
    };
    let bad = pod.containers_that(|container| !taken(container).is_empty());
    if bad.is_empty() {
        return None;
    }
    let ports: Vec<String> = pod.containers().flat_map(taken).collect();
    let ports = distinct(ports.iter().map(String::as_str));
    let word = plural("hostPort", ports.len());
    violation(&word, format!("{} {} {word} {}", containers(&bad), uses(bad.len()), ports.join(", ")))
}

/// Hosts other than the pod itself that probes and hooks speak to.
fn probe_hosts(pod: &Pod, _: &Standard) -> Option<Violation> {
    let asked = |container: &'_ Value| -> Vec<String> {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
        let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
        let handlers = probes.into_iter().chain(hooks).flat_map(|handler| [&handler["httpGet"], &handler["tcpSocket"]]);
        let hosts = handlers.filter_map(|action| action["host"].as_str());
        hosts.filter(|host| !matches!(*host, "" | "127.0.0.1" | "::1")).map(str::to_owned).collect()
    };
    let bad = pod.containers_that(|container| !asked(container).is_empty());
    if bad.is_empty() {
        return None;
    }
    let hosts: Vec<String> = pod.containers().flat_map(asked).collect();
    let hosts = distinct(hosts.iter().map(String::as_str));
    let word = plural("probe or lifecycle host", hosts.len());
    violation("probe or lifecycle host", format!("{} {} {word} {}", containers(&bad), uses(bad.len()), quoted(&hosts)))
}

fn privileged(pod: &Pod, _: &Standard) -> Option<Violation> {
    let bad = pod.containers_that(|container| container["securityContext"]["privileged"] == true);
    if bad.is_empty() {
        return None;
    }
    violation("privileged", format!("{} must not set securityContext.privileged=true", containers(&bad)))
}

fn proc_mount(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(35) && pod.has_own_users() {
        return None;
    }
    let mount = |container: &'_ Value| container["securityContext"]["procMount"].as_str().unwrap_or("Default").to_owned();
    let bad = pod.containers_that(|container| mount(container) != "Default");
    if bad.is_empty() {
        return None;
    }
    let mounts: Vec<String> = pod.containers().map(mount).filter(|mount| mount != "Default").collect();
    let mounts = distinct(mounts.iter().map(String::as_str));
    violation("procMount", format!("{} must not set securityContext.procMount to {}", containers(&bad), quoted(&mounts)))
}

fn se_linux(pod: &Pod, standard: &Standard) -> Option<Violation> {
    let text = |context: &Value, field: &str| context["seLinuxOptions"][field].as_str().unwrap_or_default().to_owned();
    let is_bad_type = |kind: &str| match kind {
        "" | "container_t" | "container_init_t" | "container_kvm_t" => false,
        "container_engine_t" => !standard.is_since(31),
        _ => true,
    };
    let is_bad =
        |context: &Value| is_bad_type(&text(context, "type")) || !text(context, "user").is_empty() || !text(context, "role").is_empty();
    let setters = pod.setters(is_bad);
    if setters.is_empty() {
        return None;
    }
    let contexts: Vec<&Value> =
        std::iter::once(pod.context()).chain(pod.containers().map(|container| &container["securityContext"])).collect();
    let kinds: Vec<String> = contexts.iter().map(|context| text(context, "type")).filter(|kind| is_bad_type(kind)).collect();
    let kinds = distinct(kinds.iter().map(String::as_str));
    let mut data = Vec::new();
    if !kinds.is_empty() {
        data.push(format!("{} {}", plural("type", kinds.len()), quoted(&kinds)));
    }
    for field in ["user", "role"] {
        if contexts.iter().any(|context| !text(context, field).is_empty()) {
            data.push(format!("{field} may not be set"));
        }
    }
    violation("seLinuxOptions", format!("{} set forbidden securityContext.seLinuxOptions: {}", setters.join(" and "), data.join("; ")))
}

fn seccomp(pod: &Pod, _: &Standard) -> Option<Violation> {
    let kind = |context: &'_ Value| context["seccompProfile"]["type"].as_str().unwrap_or_default().to_owned();
    let is_bad = |kind: &str| !matches!(kind, "" | "RuntimeDefault" | "Localhost");
    let setters = pod.setters(|context| is_bad(&kind(context)));
    if setters.is_empty() {
        return None;
    }
    let contexts = std::iter::once(pod.context()).chain(pod.containers().map(|container| &container["securityContext"]));
    let kinds: Vec<String> = contexts.map(kind).filter(|kind| is_bad(kind)).collect();
    let kinds = distinct(kinds.iter().map(String::as_str));
    let detail = format!("{} must not set securityContext.seccompProfile.type to {}", setters.join(" and "), quoted(&kinds));
    violation("seccompProfile", detail)
}

fn sysctls(pod: &Pod, standard: &Standard) -> Option<Violation> {
    let may = |name: &str| SYSCTLS.iter().any(|(known, since)| *known == name && standard.is_since(*since));
    let set = pod.context()["sysctls"].as_array().into_iter().flatten().map(name);
    let bad: Vec<&str> = set.filter(|name| !may(name)).collect();
    if bad.is_empty() { None } else { violation("forbidden sysctls", bad.join(", ")) }
}

fn host_process(pod: &Pod, _: &Standard) -> Option<Violation> {
    let setters = pod.setters(|context| context["windowsOptions"]["hostProcess"] == true);
    if setters.is_empty() {
        return None;
    }
    violation("hostProcess", format!("{} must not set securityContext.windowsOptions.hostProcess=true", setters.join(" and ")))
}

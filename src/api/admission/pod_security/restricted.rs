//! The restricted level: what hardens pods besides.

use serde_json::Value;

use super::level::{Check, Standard, check};
use super::pod::{Pod, Violation, containers, distinct, name, plural, quoted, uses, violation};

pub const CHECKS: [Check; 6] =
    [check(8, privilege_escalation), check(22, capabilities), check(0, volumes), check(0, non_root), check(23, user), check(19, seccomp)];

const VOLUMES: [&str; 8] = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

fn privilege_escalation(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(25) && pod.is_windows() {
        return None;
    }
    let bad = pod.containers_that(|container| container["securityContext"]["allowPrivilegeEscalation"] != false);
    if bad.is_empty() {
        return None;
    }
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&bad));
    violation("allowPrivilegeEscalation != false", detail)
}

fn capabilities(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(25) && pod.is_windows() {
        return None;
    }
    let list = |container: &'_ Value, field: &str| -> Vec<String> {
        let list = container["securityContext"]["capabilities"][field].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let added =
        |container: &'_ Value| -> Vec<String> { list(container, "add").into_iter().filter(|name| name != "NET_BIND_SERVICE").collect() };
    let keeping = pod.containers_that(|container| !list(container, "drop").iter().any(|name| name == "ALL"));
    let adding = pod.containers_that(|container| !added(container).is_empty());
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&keeping)));
    }
    if !adding.is_empty() {
        let all: Vec<String> = pod.containers().flat_map(added).collect();
        let all = distinct(all.iter().map(String::as_str));
        details.push(format!("{} must not include {} in securityContext.capabilities.add", containers(&adding), quoted(&all)));
    }
    if details.is_empty() { None } else { violation("unrestricted capabilities", details.join("; ")) }
}

fn volumes(pod: &Pod, _: &Standard) -> Option<Violation> {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    for volume in pod.spec["volumes"].as_array().into_iter().flatten() {
        let source = volume.as_object().into_iter().flatten().map(|(field, _)| field.as_str()).find(|field| *field != "name");
        if let Some(kind) = source.filter(|kind| !VOLUMES.contains(kind)) {
            names.push(name(volume));
            kinds.push(kind);
        }
    }
    if names.is_empty() {
        return None;
    }
    let kinds = distinct(kinds);
    let (volumes, kind) = (plural("volume", names.len()), plural("restricted volume type", kinds.len()));
    violation("restricted volume types", format!("{volumes} {} {} {kind} {}", quoted(&names), uses(names.len()), quoted(&kinds)))
}

fn non_root(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(35) && pod.has_own_users() {
        return None;
    }
    let setters = pod.setters(|context| context["runAsNonRoot"] == false);
    if !setters.is_empty() {
        let detail = format!("{} must not set securityContext.runAsNonRoot=false", setters.join(" and "));
        return violation("runAsNonRoot != true", detail);
    }
    if pod.context()["runAsNonRoot"] == true {
        return None;
    }
    let silent = pod.containers_that(|container| container["securityContext"]["runAsNonRoot"].is_null());
    if silent.is_empty() {
        return None;
    }
    violation("runAsNonRoot != true", format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&silent)))
}

fn user(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(35) && pod.has_own_users() {
        return None;
    }
    let setters = pod.setters(|context| context["runAsUser"] == 0);
    if setters.is_empty() { None } else { violation("runAsUser=0", format!("{} must not set runAsUser=0", setters.join(" and "))) }
}

fn seccomp(pod: &Pod, standard: &Standard) -> Option<Violation> {
    if standard.is_since(25) && pod.is_windows() {
        return None;
    }
    let kind = |context: &'_ Value| context["seccompProfile"]["type"].as_str().map(str::to_owned);
    let is_good = |kind: &str| matches!(kind, "RuntimeDefault" | "Localhost");
    let setters = pod.setters(|context| kind(context).is_some_and(|kind| !is_good(&kind)));
    if !setters.is_empty() {
        let contexts = std::iter::once(pod.context()).chain(pod.containers().map(|container| &container["securityContext"]));
        let kinds: Vec<String> = contexts.filter_map(kind).filter(|kind| !is_good(kind)).collect();
        let kinds = distinct(kinds.iter().map(String::as_str));
        let detail = format!("{} must not set securityContext.seccompProfile.type to {}", setters.join(" and "), quoted(&kinds));
        return violation("seccompProfile", detail);
    }
    if kind(pod.context()).is_some() {
        return None;
    }
    let silent = pod.containers_that(|container| kind(&container["securityContext"]).is_none());
    if silent.is_empty() {
        return None;
    }
    let detail =
        format!("pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"", containers(&silent));
    violation("seccompProfile", detail)
}

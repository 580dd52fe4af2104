//! PodSecurity: the Pod Security Standards (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>), as a namespace's
//! labels ask for them. What is enforced holds pods back; what is to be warned of is said of pods and of what makes pods.

mod baseline;
mod level;
mod pod;
mod restricted;

use std::collections::BTreeMap;

use serde_json::Value;

use self::level::{Level, Policy, Standard};
use self::pod::{Pod, Violation};
use super::{Operation, Request};
use crate::api::kinds::Subresource;
use crate::api::status::{Reason, Status};

/// How many pods of a namespace are looked at when its labels change.
const MOST_PODS: usize = 3000;
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// Judges what is written; gives what the writer is to be warned of.
pub(super) fn judge(request: &Request, object: &Value) -> Result<Vec<String>, Status> {
    match (request.kind.group(), request.kind.plural(), request.subresource) {
        ("", "namespaces", None) => namespace(request, object),
        ("", "pods", None | Some(Subresource::EphemeralContainers | Subresource::Resize)) => self::pod(request, object),
        (_, _, None) => template_of(request.kind.group(), request.kind.plural(), object)
            .map_or(Ok(Vec::new()), |template| evaluate(request, template, false)),
        _ => Ok(Vec::new()),
    }
}

/// The template of what makes pods.
fn template_of<'o>(group: &str, plural: &str, object: &'o Value) -> Option<&'o Value> {
    let pointer = match (group, plural) {
        ("", "replicationcontrollers") | ("apps", "replicasets" | "deployments" | "statefulsets" | "daemonsets") | ("batch", "jobs") => {
            "/spec/template"
        }
        ("", "podtemplates") => "/template",
        ("batch", "cronjobs") => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    object.pointer(pointer).filter(|template| !template.is_null())
}

fn pod(request: &Request, object: &Value) -> Result<Vec<String>, Status> {
    let is_same = |old: &Value| request.operation == Operation::Update && !is_significant(object, old);
    if request.old.is_some_and(is_same) {
        return Ok(Vec::new());
    }
    evaluate(request, object, true)
}

/// A pod, or a template of one, against what its namespace asks for.
fn evaluate(request: &Request, pod: &Value, enforce: bool) -> Result<Vec<String>, Status> {
    let Some(namespace) = request.find("namespaces", request.namespace) else { return Ok(Vec::new()) };
    let (policy, _) = Policy::of(namespace.labels());
    if policy.warn.is_privileged() && (!enforce || policy.enforce.is_privileged()) {
        return Ok(Vec::new());
    }
    let pod = Pod::new(pod);
    if enforce {
        let violations = violations(&policy.enforce, &pod);
        if !violations.is_empty() {
            return Err(request.forbidden(&format!("violates PodSecurity \"{}\": {}", policy.enforce, details(&violations))));
        }
    }
    let violations = violations(&policy.warn, &pod);
    if violations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!("would violate PodSecurity \"{}\": {}", policy.warn, details(&violations))])
}

/// What of a standard a pod does not keep to, in upstream's order.
fn violations(standard: &Standard, pod: &Pod) -> Vec<Violation> {
    let run = |checks: &[level::Check]| -> Vec<Violation> {
        checks.iter().filter(|check| standard.has(check)).filter_map(|check| (check.find)(pod, standard)).collect()
    };
    match standard.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => run(&baseline::CHECKS),
        Level::Restricted => [run(&baseline::CHECKS), run(&restricted::CHECKS)].concat(),
    }
}

fn details(violations: &[Violation]) -> String {
    let one = |violation: &Violation| match &*violation.detail {
        "" => violation.reason.clone(),
        detail => format!("{} ({detail})", violation.reason),
    };
    violations.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Something changes that the standards look at.
fn is_significant(new: &Value, old: &Value) -> bool {
    let annotation = |pod: &Value, key: &str| pod["metadata"]["annotations"][key].clone();
    let differs = |key: &str| annotation(new, key) != annotation(old, key);
    let name = |container: &Value| container["name"].as_str().unwrap_or_default().to_owned();
    let changed = |a: &Value, b: &Value| a["image"] != b["image"] || differs(&format!("{SECCOMP_OF_CONTAINER}{}", name(a)));
    let list = |pod: &Value, field: &str| pod["spec"][field].as_array().cloned().unwrap_or_default();
    let in_order = |field: &str| {
        let (new, old) = (list(new, field), list(old, field));
        new.len() != old.len() || new.iter().zip(&old).any(|(new, old)| changed(new, old))
    };
    let former = list(old, "ephemeralContainers");
    let by_name = || {
        let is_new = |one: &Value| former.iter().find(|other| other["name"] == one["name"]).is_none_or(|other| changed(one, other));
        list(new, "ephemeralContainers").iter().any(is_new)
    };
    differs(SECCOMP) || in_order("containers") || in_order("initContainers") || by_name()
}

/// Labels must say what can be meant; whoever tightens what is enforced is told which pods would not have come in.
fn namespace(request: &Request, object: &Value) -> Result<Vec<String>, Status> {
    let labels =
        |object: &Value| -> BTreeMap<String, String> { serde_json::from_value(object["metadata"]["labels"].clone()).unwrap_or_default() };
    let (new, errors) = Policy::of(&labels(object));
    let old = request.old.map(|old| Policy::of(&labels(old)));
    if !errors.0.is_empty() && old.as_ref().is_none_or(|(_, former)| former.0 != errors.0) {
        let messages: Vec<String> = errors.0.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        let list = if let [only] = &messages[..] { only.clone() } else { format!("[{}]", messages.join(", ")) };
        let mut status = request.forbidden(&list);
        (status.code, status.reason) = (422, Reason::Invalid);
        return Err(status);
    }
    let Some((old, _)) = old else { return Ok(Vec::new()) };
    let is_relaxed = new.enforce.version == old.enforce.version && new.enforce.level <= old.enforce.level;
    if new.enforce == old.enforce || new.enforce.is_privileged() || is_relaxed {
        return Ok(Vec::new());
    }
    Ok(warnings_of_present(request, &new.enforce))
}

/// What the pods that are there would be refused for: each reason once, with the first pod of it.
fn warnings_of_present(request: &Request, standard: &Standard) -> Vec<String> {
    let prefix = format!("{}/", request.name);
    let mut found: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let total = request.snapshot.range("pods", &prefix, None).count();
    for (_, object) in request.snapshot.range("pods", &prefix, None).take(MOST_PODS) {
        let value = object.value();
        let reasons: Vec<String> = violations(standard, &Pod::new(&value)).into_iter().map(|violation| violation.reason).collect();
        if !reasons.is_empty() {
            found.entry(reasons.join(", ")).or_insert_with(|| (object.name().to_owned(), 0)).1 += 1;
        }
    }
    let mut warnings = Vec::new();
    if total > MOST_PODS {
        warnings.push(format!("new PodSecurity enforce level only checked against the first {MOST_PODS} of {total} existing pods"));
    }
    if !found.is_empty() {
        let name = request.name;
        warnings.push(format!("existing pods in namespace \"{name}\" violate the new PodSecurity enforce level \"{standard}\""));
    }
    let mut told: Vec<String> = found
        .into_iter()
        .map(|(reasons, (pod, count))| match count {
            1 => format!("{pod}: {reasons}"),
            2 => format!("{pod} (and 1 other pod): {reasons}"),
            more => format!("{pod} (and {} other pods): {reasons}", more - 1),
        })
        .collect();
    told.sort();
    warnings.extend(told);
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(level: &str, pod: Value) -> String {
        let labels = BTreeMap::from([("pod-security.kubernetes.io/enforce".to_owned(), level.to_owned())]);
        let (policy, _) = Policy::of(&labels);
        details(&violations(&policy.enforce, &Pod::new(&pod)))
    }

    #[test]
    fn what_a_standard_forbids_is_named() {
        let with = |spec: Value| {
            let mut pod = json!({"metadata": {}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
            pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
            pod
        };
        let path = json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}, {"name": "e", "emptyDir": {}}]});
        let ports = json!({"containers": [{"name": "c", "ports": [{"hostPort": 80}, {"hostPort": 79}]}]});
        let capabilities = json!({"containers": [{"name": "c", "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}}]});
        for (spec, wanted) in [
            (json!({}), ""),
            (path, "hostPath volumes (volume \"v\")"),
            (ports, "hostPorts (container \"c\" uses hostPorts 79, 80)"),
            (capabilities, "non-default capabilities (container \"c\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add)"),
            (
                json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
                "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
            ),
        ] {
            assert_eq!(told("baseline", with(spec)), wanted);
        }
    }

    #[test]
    fn nonsense_in_labels_is_taken_for_the_strictest() {
        let labels = BTreeMap::from([("pod-security.kubernetes.io/enforce".to_owned(), "nope".to_owned())]);
        let (policy, errors) = Policy::of(&labels);
        assert_eq!((policy.enforce.level, errors.0.len()), (Level::Restricted, 1));
    }
}

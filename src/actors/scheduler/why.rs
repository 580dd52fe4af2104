//! Why a pod does not run, in full: what the scheduler last found of every node, or what the pod waits for where it is.

use std::fmt;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde::Serialize;

use super::framework::{Diagnosis, Refusal};
use super::{DEFAULT_NAME, Diagnoses};

/// The answer to `kabuki why pod/NAME`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub namespace: String,
    pub pod: String,
    /// In one sentence.
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The nodes that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// What refused the pod whichever the node, or each node that refused it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refused>,
    /// What became of preemption.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preemption: String,
    /// The containers that do not run, on the pod's node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
}

/// A node that does not take the pod.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// `None`: every node.
    pub node: Option<String>,
    pub plugin: &'static str,
    pub reasons: Vec<String>,
    /// Whether it could change by other pods leaving.
    pub resolvable: bool,
}

/// A container that does not run.
#[derive(Debug, PartialEq, Serialize)]
pub struct Waiting {
    pub container: String,
    pub reason: String,
    pub message: String,
}

impl Refused {
    fn new(node: Option<&str>, plugin: &'static str, refusal: &Refusal) -> Self {
        let reasons = refusal.reasons.iter().map(|reason| reason.clone().into_owned()).collect();
        Self { node: node.map(str::to_owned), plugin, reasons, resolvable: refusal.resolvable }
    }
}

impl Why {
    /// What keeps the pod from running, as far as the pod itself and the scheduler's diagnoses say it.
    pub fn new(pod: &Pod, diagnoses: &Diagnoses) -> Self {
        let (namespace, name) = (pod.metadata.namespace.clone().unwrap_or_default(), pod.metadata.name.clone().unwrap_or_default());
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        let diagnosis = diagnoses.why(&namespace, &name).filter(|_| node.is_none());
        let waiting = waiting(pod);
        let mut why = Self {
            summary: summary(pod, diagnosis.as_deref(), waiting.len()),
            namespace,
            pod: name,
            node,
            nodes: None,
            refusals: Vec::new(),
            preemption: String::new(),
            waiting,
        };
        if let Some(diagnosis) = diagnosis {
            why.nodes = Some(diagnosis.nodes);
            why.refusals = match &diagnosis.everywhere {
                Some((plugin, refusal)) => vec![Refused::new(None, plugin, refusal)],
                None => diagnosis.refusals.iter().map(|(node, (plugin, refusal))| Refused::new(Some(node), plugin, refusal)).collect(),
            };
            why.preemption.clone_from(&diagnosis.preemption);
        }
        why
    }
}

fn waiting(pod: &Pod) -> Vec<Waiting> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let waits = |status: &ContainerStatus| {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        Some(Waiting {
            container: status.name.clone(),
            reason: waiting.reason.clone().unwrap_or_default(),
            message: waiting.message.clone().unwrap_or_default(),
        })
    };
    all.filter_map(waits).collect()
}

fn summary(pod: &Pod, diagnosis: Option<&Diagnosis>, waiting: usize) -> String {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let spec = pod.spec.as_ref();
    let node = spec.and_then(|spec| spec.node_name.as_deref());
    let scheduler = spec.and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or(DEFAULT_NAME);
    let gates = spec.and_then(|spec| spec.scheduling_gates.as_ref()).filter(|gates| !gates.is_empty());
    match (node, gates, diagnosis) {
        _ if matches!(phase, "Succeeded" | "Failed") => format!("it has ended: {phase}"),
        _ if pod.metadata.deletion_timestamp.is_some() => "it is being deleted".to_owned(),
        (Some(node), ..) if waiting > 0 => format!("{phase} on node {node}; {waiting} of its containers wait"),
        (Some(node), ..) => format!("{phase} on node {node}"),
        (None, Some(gates), _) => {
            let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
            format!("its scheduling gates are to be removed first: {}", names.join(", "))
        }
        (None, None, Some(diagnosis)) => diagnosis.message(),
        (None, None, None) if scheduler != DEFAULT_NAME => format!("it waits for the scheduler {scheduler}, which is none of this process"),
        (None, None, None) => "the scheduler has not decided about it yet".to_owned(),
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}/{}: {}", self.namespace, self.pod, self.summary)?;
        for refused in &self.refusals {
            let help = if refused.resolvable { "" } else { " (whoever leaves)" };
            let node = refused.node.as_deref().unwrap_or("every node");
            writeln!(f, "  {node}: {}: {}{help}", refused.plugin, refused.reasons.join(", "))?;
        }
        for waiting in &self.waiting {
            let message = if waiting.message.is_empty() { String::new() } else { format!(": {}", waiting.message) };
            writeln!(f, "  container {}: {}{message}", waiting.container, waiting.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::actors::informer::ObjectKey;

    fn pod(spec: Value, status: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "default"}, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn the_summary_names_what_the_pod_waits_for() {
        let containers = json!([]);
        let pulling = json!([{"name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]);
        for (spec, status, expected) in [
            (json!({}), json!({}), "the scheduler has not decided about it yet"),
            (json!({"schedulerName": "mine"}), json!({}), "it waits for the scheduler mine, which is none of this process"),
            (json!({"schedulingGates": [{"name": "a.b/c"}]}), json!({}), "its scheduling gates are to be removed first: a.b/c"),
            (json!({"nodeName": "n1"}), json!({"phase": "Running"}), "Running on node n1"),
            (json!({"nodeName": "n1"}), json!({"containerStatuses": pulling}), "Pending on node n1; 1 of its containers wait"),
            (json!({"nodeName": "n1"}), json!({"phase": "Failed"}), "it has ended: Failed"),
        ] {
            let mut spec = spec;
            spec["containers"] = containers.clone();
            assert_eq!(Why::new(&pod(spec, status), &Diagnoses::default()).summary, expected);
        }
    }

    #[test]
    fn each_node_says_which_plugin_refused_it() {
        let refusal = ("NodeResourcesFit", Refusal::resolvable("Insufficient cpu"));
        let taint = ("TaintToleration", Refusal::unresolvable("node(s) had untolerated taint(s)"));
        let refusals = [(Arc::from("a"), refusal), (Arc::from("b"), taint)].into();
        let diagnoses = Diagnoses::default();
        let diagnosis = Arc::new(Diagnosis { nodes: 2, refusals, ..Diagnosis::default() });
        diagnoses.0.lock().insert(ObjectKey::new("default", "web"), diagnosis);
        let why = Why::new(&pod(json!({"containers": []}), json!({})), &diagnoses);
        assert_eq!(
            why.to_string(),
            "default/web: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).\n  \
             a: NodeResourcesFit: Insufficient cpu\n  b: TaintToleration: node(s) had untolerated taint(s) (whoever leaves)\n"
        );
        let json = serde_json::to_value(&why).unwrap();
        assert_eq!(json["refusals"][1]["plugin"], "TaintToleration");
    }
}

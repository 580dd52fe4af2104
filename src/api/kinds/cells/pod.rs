//! The cells of pods and of what makes pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Fields, NONE, joined, labels, or, since};

pub fn ready(pod: &Value) -> Value {
    let summary = Summary::of(pod);
    format!("{}/{}", summary.ready, summary.total).into()
}

pub fn status(pod: &Value) -> Value {
    Summary::of(pod).reason.into()
}

pub fn restarts(pod: &Value) -> Value {
    let Restarts { count, last } = Summary::of(pod).restarts;
    match last {
        Some(last) if count != 0 => format!("{count} ({} ago)", since(&last.to_string())).into(),
        _ => count.to_string().into(),
    }
}

pub fn ip(pod: &Value) -> Value {
    or(pod.text("/status/podIPs/0/ip"), NONE).into()
}

pub fn node(pod: &Value) -> Value {
    or(pod.text("/spec/nodeName"), NONE).into()
}

pub fn nominated_node(pod: &Value) -> Value {
    or(pod.text("/status/nominatedNodeName"), NONE).into()
}

pub fn readiness_gates(pod: &Value) -> Value {
    let gates = pod.list("/spec/readinessGates");
    if gates.is_empty() {
        return NONE.into();
    }
    let passed = gates.iter().filter(|gate| condition(pod, gate.text("/conditionType")).is_some_and(is_true)).count();
    format!("{passed}/{}", gates.len()).into()
}

/// What a table says of a pod that has ended.
pub fn row_conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match pod.text("/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

pub fn template_containers(object: &Value) -> Value {
    joined(template(object).list("/spec/containers"), "/name").into()
}

pub fn template_images(object: &Value) -> Value {
    joined(template(object).list("/spec/containers"), "/image").into()
}

pub fn template_labels(object: &Value) -> Value {
    labels(template(object), "/metadata/labels").into()
}

pub fn selector(controller: &Value) -> Value {
    labels(controller, "/spec/selector").into()
}

/// Where a PodTemplate and a controller keep their template.
fn template(object: &Value) -> &Value {
    object.pointer("/template").or_else(|| object.pointer("/spec/template")).unwrap_or(&Value::Null)
}

/// What kubectl tells of a pod: one word and two counts made of its phase, its conditions and its containers.
struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: Restarts,
}

#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += status.integer("/restartCount");
        self.last = self.last.max(status.text("/lastState/terminated/finishedAt").parse().ok());
    }
}

impl Summary {
    fn of(pod: &Value) -> Self {
        let phase = pod.text("/status/phase");
        let gated = pod
            .list("/status/conditions")
            .iter()
            .any(|condition| condition.text("/type") == "PodScheduled" && condition.text("/reason") == "SchedulingGated");
        let sidecars = pod.list("/spec/initContainers").iter().filter(|container| restarts_always(container)).count();
        let mut summary = Self {
            ready: 0,
            total: pod.list("/spec/containers").len() + sidecars,
            reason: if gated { "SchedulingGated" } else { or(pod.text("/status/reason"), phase) }.to_owned(),
            restarts: Restarts::default(),
        };
        let sidecar_restarts = summary.add_init_containers(pod);
        if let Some(restarts) = sidecar_restarts {
            summary.restarts = restarts;
            summary.add_containers(pod);
        }
        if pod.is_set("/metadata/deletionTimestamp") {
            if pod.text("/status/reason") == "NodeLost" {
                summary.reason = "Unknown".to_owned();
            } else if !matches!(phase, "Succeeded" | "Failed") {
                summary.reason = "Terminating".to_owned();
            }
        }
        summary
    }

    /// Up to the first init container that is not done. Gives the sidecars' restarts if the pod is past its initialisation.
    fn add_init_containers(&mut self, pod: &Value) -> Option<Restarts> {
        let containers = pod.list("/spec/initContainers");
        let mut sidecars = Restarts::default();
        let mut initialising = false;
        for (index, status) in pod.list("/status/initContainerStatuses").iter().enumerate() {
            let is_sidecar =
                containers.iter().any(|container| container.text("/name") == status.text("/name") && restarts_always(container));
            self.restarts.add(status);
            if is_sidecar {
                sidecars.add(status);
            }
            let waiting = status.text("/state/waiting/reason");
            if status.is_set("/state/terminated") && status.integer("/state/terminated/exitCode") == 0 {
                continue;
            } else if is_sidecar && status.flag("/started") {
                self.ready += usize::from(status.flag("/ready"));
                continue;
            } else if status.is_set("/state/terminated") {
                self.reason = format!("Init:{}", termination(status));
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                self.reason = format!("Init:{waiting}");
            } else {
                self.reason = format!("Init:{index}/{}", containers.len());
            }
            initialising = true;
            break;
        }
        (!initialising || condition(pod, "Initialized").is_some_and(is_true)).then_some(sidecars)
    }

    fn add_containers(&mut self, pod: &Value) {
        let mut running = false;
        for status in pod.list("/status/containerStatuses").iter().rev() {
            self.restarts.add(status);
            let waiting = status.text("/state/waiting/reason");
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if status.is_set("/state/terminated") {
                self.reason = termination(status);
            } else if status.flag("/ready") && status.is_set("/state/running") {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            self.reason = if condition(pod, "Ready").is_some_and(is_true) { "Running" } else { "NotReady" }.to_owned();
        }
    }
}

fn restarts_always(container: &Value) -> bool {
    container.text("/restartPolicy") == "Always"
}

/// Why a container ended: the reason that was given, else the signal, else the exit code.
fn termination(status: &Value) -> String {
    let ended = &status["state"]["terminated"];
    match (ended.text("/reason"), ended.integer("/signal")) {
        ("", 0) => format!("ExitCode:{}", ended.integer("/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    pod.list("/status/conditions").iter().find(|condition| condition.text("/type") == kind)
}

fn is_true(condition: &Value) -> bool {
    condition.text("/status") == "True"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(pod: Value) -> (Value, Value, Value) {
        (ready(&pod), status(&pod), restarts(&pod))
    }

    #[test]
    fn a_pod_is_told_by_its_containers() {
        let running = json!({"name": "a", "ready": true, "restartCount": 0, "state": {"running": {}}});
        let crashed = json!({"name": "b", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
        let done = json!({"name": "c", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        for (statuses, expected) in [
            (json!([]), ("0/2", "Pending", "0")),
            (json!([running, running]), ("2/2", "Pending", "0")),
            (json!([running, crashed]), ("1/2", "CrashLoopBackOff", "3")),
            (json!([done, running]), ("1/2", "NotReady", "0")),
            (json!([running, {"state": {"terminated": {"exitCode": 7}}}]), ("1/2", "ExitCode:7", "0")),
        ] {
            let pod = json!({"spec": {"containers": [{}, {}]}, "status": {"phase": "Pending", "containerStatuses": statuses}});
            let (ready, status, restarts) = expected;
            assert_eq!(cells(pod), (ready.into(), status.into(), restarts.into()));
        }
    }

    #[test]
    fn an_init_container_that_waits_is_counted_and_a_sidecar_is_ready_with_the_rest() {
        let spec = json!({"containers": [{}], "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]});
        let pod = json!({"spec": spec, "status": {"phase": "Pending", "initContainerStatuses": [
            {"name": "s", "started": true, "ready": true, "restartCount": 1}, {"name": "i", "restartCount": 2, "state": {"running": {}}}]}});
        assert_eq!(cells(pod), ("1/2".into(), "Init:1/2".into(), "3".into()));
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_terminating() {
        let pod = json!({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}, "spec": {"containers": [{}]}, "status": {"phase": "Running"}});
        assert_eq!(cells(pod).1, "Terminating");
    }
}

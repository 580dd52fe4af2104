//! From what an API lists to what a cluster begins with. Pure.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::missing::Without;
use super::stand_in::{follow, is_played, stand_in};
use super::{Export, kind_of, name_of, text};
use crate::api::quantity::Quantity;
use crate::api::verbs::adopted;

/// An annotation that repeats the whole object, a secret's values included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Taints that say how a node fared: its kubelet and the control plane say that anew.
const FARES: [&str; 7] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.cloudprovider.kubernetes.io/uninitialized",
];
/// What every namespace has from the control plane.
const ROOT_CA: &str = "kube-root-ca.crt";
const SERVICE_ACCOUNT: &str = "default";

/// What is taken over, in the order in which it is made, and what is not as it was.
#[derive(Default)]
struct Reading {
    objects: Vec<Value>,
    /// Kind, namespace and name of what is there already.
    known: BTreeSet<(String, String, String)>,
    remarks: Vec<String>,
    /// How many of each kind are left out, for a reason.
    left_out: BTreeMap<(&'static str, String), u32>,
    /// How many of each kind are played by replication controllers.
    played: BTreeMap<String, u32>,
}

/// # Errors
/// There are no nodes, or what has to be there cannot be taken over.
pub fn read(objects: Vec<Value>, with_secrets: bool) -> Result<(Vec<Value>, Vec<String>), String> {
    let mut reading = Reading::default();
    for (index, object) in objects.into_iter().enumerate() {
        if text(&object, "/kind").is_empty() || text(&object, "/metadata/name").is_empty() {
            return Err(format!("object {} of the export has no kind or no metadata.name", index + 1));
        }
        reading.take(object, with_secrets)?;
    }
    if !reading.objects.iter().any(|object| text(object, "/kind") == "Node") {
        return Err("the export has no nodes: `kubectl get all,nodes -A -o yaml` has them".to_owned());
    }
    reading.sift();
    reading.complete();
    reading.do_without();
    let Reading { objects, mut remarks, left_out, played, .. } = reading;
    remarks.extend(played.into_iter().map(|(kind, count)| format!("{count} {kind} played by replication controllers")));
    remarks.extend(left_out.into_iter().map(|((why, kind), count)| format!("{count} {kind} left out: {why}")));
    Ok((objects, remarks))
}

impl Reading {
    fn leave_out(&mut self, why: &'static str, object: &Value) {
        *self.left_out.entry((why, text(object, "/kind").to_owned())).or_default() += 1;
    }

    fn take(&mut self, object: Value, with_secrets: bool) -> Result<(), String> {
        let mut object = object;
        if is_made_here(&object) {
            return Ok(());
        }
        if is_played(&object) {
            if object.pointer("/spec/replicas") == Some(&json!(0)) {
                return Ok(());
            }
            *self.played.entry(text(&object, "/kind").to_owned()).or_default() += 1;
            object = stand_in(&object);
        }
        let Some(kind) = kind_of(&object).filter(|kind| Export::takes(kind)) else {
            self.leave_out("of a kind that nothing acts on here", &object);
            return Ok(());
        };
        if let Some(why) = is_past(&object) {
            self.leave_out(why, &object);
            return Ok(());
        }
        prepare(&mut object, with_secrets);
        match adopted(kind, &object) {
            Ok(object) if self.has(text(&object, "/kind"), text(&object, "/metadata/namespace"), text(&object, "/metadata/name")) => {
                self.remarks.push(format!("{} is in the export more than once: the first is taken", name_of(&object)));
            }
            Ok(object) => {
                check_amounts(&object)?;
                self.add(object);
            }
            Err(status) if matches!(kind.kind(), "Pod" | "Node") => return Err(format!("{}: {status}", name_of(&object))),
            Err(status) => self.remarks.push(format!("{} left out: {status}", name_of(&object))),
        }
        Ok(())
    }

    /// Adds what is not there yet.
    fn add(&mut self, object: Value) {
        let [kind, namespace, name] = ["/kind", "/metadata/namespace", "/metadata/name"].map(|pointer| text(&object, pointer).to_owned());
        if self.known.insert((kind, namespace, name)) {
            self.objects.push(object);
        }
    }

    fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.known.contains(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Leaves out pods of nodes that are not in it, and endpoints that are made from what their services select.
    fn sift(&mut self) {
        let selects = |service: &&Value| text(service, "/kind") == "Service" && service.pointer("/spec/selector").is_some();
        let path = |object: &Value| (text(object, "/metadata/namespace").to_owned(), text(object, "/metadata/name").to_owned());
        let made: BTreeSet<_> = self.objects.iter().filter(selects).map(path).collect();
        for object in std::mem::take(&mut self.objects) {
            let node = text(&object, "/spec/nodeName");
            match text(&object, "/kind") {
                "Pod" if !node.is_empty() && !self.has("Node", "", node) => {
                    self.leave_out("bound to nodes that are not in the export", &object)
                }
                "Endpoints" if made.contains(&path(&object)) => {}
                _ => self.objects.push(object),
            }
        }
    }

    /// Lets no pod wait for what only the other cluster had.
    fn do_without(&mut self) {
        let known = &self.known;
        let has = |kind: &str, namespace: &str, name: &str| {
            // The control plane makes this one.
            name == ROOT_CA || known.contains(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
        };
        let mut without = Without::new(&has);
        for object in &mut self.objects {
            let namespace = text(object, "/metadata/namespace").to_owned();
            if let Some(spec) = pod_spec_place(object).and_then(|place| object.pointer_mut(place)) {
                without.settle(&namespace, spec);
            }
        }
        self.remarks.extend(without.remarks());
    }

    /// Adds what an export is often made without, and nothing here could be without: namespaces, service accounts, priority classes.
    fn complete(&mut self) {
        let mut missing = Vec::new();
        for object in &self.objects {
            let namespace = text(object, "/metadata/namespace");
            if !namespace.is_empty() && !self.has("Namespace", "", namespace) {
                missing.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
            }
            let Some(spec) = pod_spec(object) else { continue };
            let account = text(spec, "/serviceAccountName");
            if !account.is_empty() && account != SERVICE_ACCOUNT && !self.has("ServiceAccount", namespace, account) {
                let metadata = json!({"name": account, "namespace": namespace});
                missing.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
            }
            let class = text(spec, "/priorityClassName");
            if let Some(value) = spec.get("priority").filter(|_| !class.starts_with("system-") && !self.has("PriorityClass", "", class)) {
                let kind = ("scheduling.k8s.io/v1", "PriorityClass");
                missing.push(json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": class}, "value": value}));
            }
        }
        for object in missing.into_iter().filter(|object| !text(object, "/metadata/name").is_empty()) {
            if let Some(Ok(object)) = kind_of(&object).map(|kind| adopted(kind, &object)) {
                self.add(object);
            }
        }
    }
}

/// Where the specification of a pod, or of a template of pods, stands.
fn pod_spec_place(object: &Value) -> Option<&'static str> {
    match text(object, "/kind") {
        "Pod" => Some("/spec"),
        "ReplicationController" => Some("/spec/template/spec"),
        _ => None,
    }
}

fn pod_spec(object: &Value) -> Option<&Value> {
    object.pointer(pod_spec_place(object)?)
}

/// Why an object is there no more, or soon will be.
fn is_past(object: &Value) -> Option<&'static str> {
    let kind = text(object, "/kind");
    if kind == "Pod" && matches!(text(object, "/status/phase"), "Succeeded" | "Failed") {
        return Some("over");
    }
    let is_going = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    (is_going && !matches!(kind, "Node" | "Namespace")).then_some("being deleted")
}

/// What the control plane makes by itself, or what only tells of what was.
fn is_made_here(object: &Value) -> bool {
    let name = text(object, "/metadata/name");
    let is_api = text(object, "/metadata/namespace") == "default" && name == "kubernetes";
    match text(object, "/kind") {
        "Event" | "Lease" | "ComponentStatus" => true,
        "ConfigMap" => name == ROOT_CA,
        "Service" => is_api,
        "EndpointSlice" => is_api || object.pointer("/metadata/labels/endpointslice.kubernetes.io~1managed-by").is_some(),
        "Endpoints" => is_api,
        _ => false,
    }
}

/// Takes out of an object what does not hold in another cluster.
fn prepare(object: &mut Value, with_secrets: bool) {
    let status = object.as_object_mut().and_then(|fields| fields.remove("status"));
    if text(object, "/metadata/uid").is_empty() {
        object["metadata"]["uid"] = uid_of(&name_of(object)).into();
    }
    match text(object, "/kind") {
        "Pod" => {
            follow(object);
            remove(object, "/metadata", &["finalizers"]);
            remove(object, "/spec", &["ephemeralContainers"]);
        }
        "Node" => node(object, status),
        "ReplicationController" | "Namespace" => {}
        "Service" => service(object),
        "Secret" if !with_secrets => secret(object),
        _ => {
            if let Some(status) = status {
                object["status"] = status;
            }
        }
    }
}

/// By which an object is known again that was written by hand.
fn uid_of(name: &str) -> String {
    let digest = Sha256::digest(name);
    let bytes = digest.first_chunk().expect("a digest of SHA-256 has 32 bytes");
    uuid::Builder::from_custom_bytes(*bytes).into_uuid().to_string()
}

fn remove(object: &mut Value, parent: &str, fields: &[&str]) {
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.iter().for_each(|field| drop(parent.remove(*field)));
    }
}

/// Ranges of addresses are this cluster's. What the node has is what its machine will have.
fn node(node: &mut Value, status: Option<Value>) {
    remove(node, "/spec", &["podCIDR", "podCIDRs", "configSource", "externalID"]);
    if let Some(taints) = node.pointer_mut("/spec/taints").and_then(Value::as_array_mut) {
        taints.retain(|taint| !FARES.contains(&text(taint, "/key")));
    }
    let status = status.unwrap_or_default();
    let of = |field: &str| status.get(field).filter(|amounts| amounts.is_object()).cloned();
    let capacity = of("capacity").or_else(|| of("allocatable"));
    let allocatable = of("allocatable").or_else(|| of("capacity"));
    if let (Some(capacity), Some(allocatable)) = (capacity, allocatable) {
        node["status"] = json!({"capacity": capacity, "allocatable": allocatable});
    }
}

/// What a machine has is not less than nothing.
fn check_amounts(object: &Value) -> Result<(), String> {
    if text(object, "/kind") != "Node" {
        return Ok(());
    }
    for field in ["capacity", "allocatable"] {
        for (resource, amount) in object["status"][field].as_object().into_iter().flatten() {
            let read = amount.as_str().and_then(|amount| amount.parse::<Quantity>().ok());
            if read.is_none_or(|amount| amount.is_negative()) {
                return Err(format!("{}: status.{field}[{resource}] is {amount}: it has to be an amount of at least 0", name_of(object)));
            }
        }
    }
    Ok(())
}

/// Its addresses are given anew.
fn service(service: &mut Value) {
    let is_headless = text(service, "/spec/clusterIP") == "None";
    remove(service, "/spec", &["clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"]);
    if is_headless {
        service["spec"]["clusterIP"] = "None".into();
    }
    for port in service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        remove(port, "", &["nodePort"]);
    }
}

/// Keeps the keys, and empties the values.
fn secret(secret: &mut Value) {
    remove(secret, "/metadata/annotations", &[LAST_APPLIED]);
    let keys = |field: &str| secret.get(field).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.clone());
    // Docker's credentials have to be JSON.
    let empty = |key: &str| if key.starts_with(".docker") { STANDARD.encode("{}") } else { String::new() };
    let data: Map<String, Value> = keys("data").chain(keys("stringData")).map(|key| (key.clone(), empty(&key).into())).collect();
    if let Some(fields) = secret.as_object_mut() {
        fields.remove("stringData");
        if !data.is_empty() {
            fields.insert("data".into(), data.into());
        }
    }
}

//! What a service's type entails, before anything is allocated: which fields belong to it, and which it keeps when it changes.

use serde_json::{Map, Value};

use super::Subresource;

/// Types whose services have cluster IPs, or node ports.
fn needs(spec: &Map<String, Value>, what: Allocated) -> bool {
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("ClusterIP");
    match what {
        Allocated::ClusterIp => kind != "ExternalName",
        Allocated::NodePort => kind == "NodePort" || kind == "LoadBalancer",
        Allocated::HealthPort => kind == "LoadBalancer" && spec.get("externalTrafficPolicy").is_some_and(|policy| policy == "Local"),
    }
}

#[derive(Clone, Copy)]
enum Allocated {
    ClusterIp,
    NodePort,
    HealthPort,
}

fn is_empty(spec: &Map<String, Value>, field: &str) -> bool {
    match spec.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(_) => false,
    }
}

/// A new service: one cluster IP is also the list of them, and the families follow from the policy.
pub fn create(service: &mut Value) {
    let Some(spec) = service["spec"].as_object_mut() else { return };
    if !is_empty(spec, "clusterIP") && is_empty(spec, "clusterIPs") {
        spec.insert("clusterIPs".into(), vec![spec["clusterIP"].clone()].into());
    }
    families(spec);
}

/// A changed one: what was allocated stays where its type still needs it, and goes where it does not (and the client did not ask
/// for something else).
pub fn update(service: &mut Value, old: &Value, subresource: Option<Subresource>) {
    let (Some(spec), Some(old)) = (service["spec"].as_object_mut(), old["spec"].as_object()) else { return };
    if subresource.is_some() {
        return;
    }
    let both = |what, spec: &Map<String, Value>| needs(old, what) && needs(spec, what);
    if both(Allocated::ClusterIp, spec) {
        keep(spec, old, "clusterIP");
        if spec.get("clusterIP") == old.get("clusterIP") {
            keep(spec, old, "clusterIPs");
        }
        keep(spec, old, "ipFamilies");
        keep(spec, old, "ipFamilyPolicy");
    }
    if both(Allocated::NodePort, spec) {
        keep_node_ports(spec, old);
    }
    if both(Allocated::HealthPort, spec) {
        keep(spec, old, "healthCheckNodePort");
    }
    let cluster_ip_changed = spec.get("clusterIP") != old.get("clusterIP");
    if cluster_ip_changed && spec.get("clusterIPs") == old.get("clusterIPs") {
        let ips: Vec<Value> = spec.get("clusterIP").filter(|ip| *ip != "").cloned().into_iter().collect();
        spec.insert("clusterIPs".into(), ips.into());
    }
    drop_unneeded(spec, old);
    families(spec);
}

fn keep(spec: &mut Map<String, Value>, old: &Map<String, Value>, field: &str) {
    if let Some(value) = old.get(field).filter(|_| is_empty(spec, field)) {
        spec.insert(field.to_owned(), value.clone());
    }
}

fn keep_node_ports(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    let none = Vec::new();
    let before = old.get("ports").and_then(Value::as_array).unwrap_or(&none);
    let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) else { return };
    let mut used: Vec<Value> = ports.iter().map(|port| port["nodePort"].clone()).collect();
    for port in ports.iter_mut().filter(|port| port["nodePort"].as_i64().unwrap_or(0) == 0) {
        let same = before.iter().find(|old| old["port"] == port["port"] && old["protocol"] == port["protocol"]);
        if let Some(number) = same.map(|old| old["nodePort"].clone()).filter(|number| !number.is_null() && !used.contains(number)) {
            port["nodePort"] = number.clone();
            used.push(number);
        }
    }
}

/// Drops what belonged to the old type and is sent back unchanged.
fn drop_unneeded(spec: &mut Map<String, Value>, old: &Map<String, Value>) {
    let left = |what, spec: &Map<String, Value>| needs(old, what) && !needs(spec, what);
    if left(Allocated::ClusterIp, spec) {
        for field in ["clusterIP", "clusterIPs"] {
            if spec.get(field) == old.get(field) {
                spec.remove(field);
            }
        }
        for field in ["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            if spec.get(field) == old.get(field) {
                spec.remove(field);
            }
        }
    }
    if left(Allocated::NodePort, spec) {
        let before = old.get("ports").and_then(Value::as_array);
        for (index, port) in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            if before.and_then(|ports| ports.get(index)).is_some_and(|old| old["nodePort"] == port["nodePort"]) {
                port.as_object_mut().map(|port| port.remove("nodePort"));
            }
        }
        if spec.get("externalTrafficPolicy") == old.get("externalTrafficPolicy") {
            spec.remove("externalTrafficPolicy");
        }
    }
    if left(Allocated::HealthPort, spec) && spec.get("healthCheckNodePort") == old.get("healthCheckNodePort") {
        spec.remove("healthCheckNodePort");
    }
}

/// Families and policy of a service in a cluster with IPv4 services. A headless one without a selector may have both families,
/// since nothing is allocated for it.
fn families(spec: &mut Map<String, Value>) {
    if !needs(spec, Allocated::ClusterIp) {
        return;
    }
    let anybodys =
        spec.get("clusterIP").is_some_and(|ip| ip == "None") && spec.get("selector").and_then(Value::as_object).is_none_or(Map::is_empty);
    if is_empty(spec, "ipFamilyPolicy") {
        spec.insert("ipFamilyPolicy".into(), if anybodys { "RequireDualStack" } else { "SingleStack" }.into());
    }
    if is_empty(spec, "ipFamilies") {
        let both = anybodys && spec["ipFamilyPolicy"] != "SingleStack";
        spec.insert("ipFamilies".into(), if both { vec!["IPv4", "IPv6"] } else { vec!["IPv4"] }.into());
    }
}

//! The downward API: what a pod may learn of itself (the concept page of that name).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};

use super::NodeFacts;
use super::resources::amount;
use crate::api::quantity::Quantity;

/// The value of a field of the pod, as `fieldRef.fieldPath` names it.
///
/// # Errors
/// There is no such field.
pub fn field(pod: &Pod, path: &str, node: NodeFacts) -> Result<String, String> {
    let metadata = &pod.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let map = match map {
            "metadata.labels" => &metadata.labels,
            "metadata.annotations" => &metadata.annotations,
            _ => return Err(format!("fieldPath {path:?} does not support subscript")),
        };
        return Ok(map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default());
    }
    let status = pod.status.as_ref();
    let node_ips = || node.ips.iter().map(ToString::to_string).collect::<Vec<_>>();
    let pod_ips = || match status.and_then(|status| status.pod_ips.as_ref()) {
        Some(ips) => ips.iter().map(|ip| ip.ip.clone()).collect(),
        None => Vec::new(),
    };
    Ok(match path {
        "metadata.name" => text(&metadata.name),
        "metadata.namespace" => text(&metadata.namespace),
        "metadata.uid" => text(&metadata.uid),
        "metadata.labels" => lines(metadata.labels.as_ref()),
        "metadata.annotations" => lines(metadata.annotations.as_ref()),
        "spec.nodeName" => node.name.to_owned(),
        "spec.serviceAccountName" => pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone()).unwrap_or_default(),
        "status.hostIP" => node_ips().into_iter().next().unwrap_or_default(),
        "status.hostIPs" => node_ips().join(","),
        "status.podIP" => pod_ips().into_iter().next().unwrap_or_default(),
        "status.podIPs" => pod_ips().join(","),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// A map as a file shows it: `key="value"`, a line each, in order.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    map.into_iter().flatten().map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
}

/// A request or limit of a container, in units of the divisor, rounded up. A limit that is not set is what the node has.
///
/// # Errors
/// There is no such resource.
pub fn resource_field(container: &Container, selector: &ResourceFieldSelector, node: NodeFacts) -> Result<String, String> {
    let resources = container.resources.clone().unwrap_or_default();
    let (list, name) = selector.resource.split_once('.').unwrap_or(("", &selector.resource));
    let set = match list {
        "limits" => resources.limits.as_ref(),
        "requests" => resources.requests.as_ref(),
        _ => return Err(format!("unsupported container resource : {}", selector.resource)),
    };
    let capacity = || match (list, name) {
        ("limits", "cpu") => i64::try_from(node.info.cpus * 1000).unwrap_or(i64::MAX),
        ("limits", "memory") => i64::try_from(node.info.memory_bytes).unwrap_or(i64::MAX),
        _ => 0,
    };
    let known = set.and_then(|set| set.get(name)).map(|quantity| amount(quantity, name));
    let value = known.filter(|value| *value > 0).unwrap_or_else(capacity);
    let divisor: Option<Quantity> = selector.divisor.as_ref().and_then(|divisor| divisor.0.parse().ok());
    let unit = |quantity: Quantity| if name == "cpu" { quantity.milli_value() } else { quantity.value() };
    let one = if name == "cpu" { 1000 } else { 1 };
    let divisor = divisor.map(unit).filter(|divisor| *divisor > 0).unwrap_or(one);
    Ok((value.div_euclid(divisor) + i64::from(value % divisor != 0)).to_string())
}

//! What objects count for in a ResourceQuota (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>): pure functions, for admission,
//! which charges, and for the controller, which counts anew.

mod pod;
mod scope;

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::Kind;
use super::quantity::Quantity;

pub use pod::{Totals, missing, totals};
pub use scope::covers;

/// Amounts by the name of a resource.
pub type Amounts = BTreeMap<String, Quantity>;

/// Kinds of the core group that may also be counted by their plain plural.
const COUNTED: [&str; 8] =
    ["configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services", "serviceaccounts"];

/// What an object uses, by every name under which a quota can limit it.
pub fn usage(kind: &Kind, object: &Value) -> Amounts {
    let mut used = match (kind.group(), kind.plural()) {
        ("", "pods") if pod::is_over(object) => return Amounts::new(),
        ("", "pods") => pod::usage(object),
        ("", "services") => service(object),
        ("", "persistentvolumeclaims") => claim(object),
        _ => Amounts::new(),
    };
    let suffix = if kind.group().is_empty() { String::new() } else { format!(".{}", kind.group()) };
    used.insert(format!("count/{}{suffix}", kind.plural()), one());
    if kind.group().is_empty() && COUNTED.contains(&kind.plural()) && kind.plural() != "serviceaccounts" {
        used.insert(kind.plural().to_owned(), one());
    }
    used
}

/// A list of amounts as it stands in an object; what does not parse is left out.
pub fn amounts(list: &Value) -> Amounts {
    let entries = list.as_object().into_iter().flatten();
    entries.filter_map(|(name, amount)| Some((name.clone(), amount.as_str()?.parse().ok()?))).collect()
}

fn one() -> Quantity {
    Quantity::from_value(1, super::quantity::Format::DecimalSi)
}

fn service(service: &Value) -> Amounts {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    let count = |count: usize| Quantity::from_value(i64::try_from(count).unwrap_or(i64::MAX), super::quantity::Format::DecimalSi);
    let (balancers, node_ports) = match spec["type"].as_str() {
        Some("NodePort") => (0, ports),
        Some("LoadBalancer") if spec["allocateLoadBalancerNodePorts"] == false => {
            let given = spec["ports"].as_array().into_iter().flatten().filter(|port| port["nodePort"].as_i64().unwrap_or(0) != 0);
            (1, given.count())
        }
        Some("LoadBalancer") => (1, ports),
        _ => (0, 0),
    };
    Amounts::from([("services.loadbalancers".to_owned(), count(balancers)), ("services.nodeports".to_owned(), count(node_ports))])
}

fn claim(claim: &Value) -> Amounts {
    let mut used = Amounts::new();
    let spec = &claim["spec"];
    let storage = spec["resources"]["requests"]["storage"].as_str().and_then(|amount| amount.parse::<Quantity>().ok());
    let prefix =
        spec["storageClassName"].as_str().filter(|class| !class.is_empty()).map(|class| format!("{class}.storageclass.storage.k8s.io/"));
    if let Some(prefix) = &prefix {
        used.insert(format!("{prefix}persistentvolumeclaims"), one());
    }
    if let Some(storage) = storage {
        used.insert("requests.storage".to_owned(), storage);
        if let Some(prefix) = prefix {
            used.insert(format!("{prefix}requests.storage"), storage);
        }
    }
    used
}

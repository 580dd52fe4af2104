//! The quality of service that a pod's requests and limits stand for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use serde::Deserialize;
use serde_json::Value;

use crate::api::quantity::Quantity;
use crate::api::validation::resources::amount;

const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed` if every container is limited in all that counts and asks for no less than its limits, `BestEffort` if none asks for
/// anything, else `Burstable` (<https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>).
pub fn qos_class(spec: &PodSpec) -> &'static str {
    match &spec.resources {
        Some(resources) => class(std::iter::once(Some(resources))),
        None => class(spec.containers.iter().chain(spec.init_containers.iter().flatten()).map(|container| container.resources.as_ref())),
    }
}

/// The same of a pod's `spec` in JSON, of which only the resources are read.
///
/// # Errors
/// The resources are not of their type.
pub fn qos_class_of(spec: &Value) -> Result<&'static str, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Outline {
        resources: Option<ResourceRequirements>,
        containers: Option<Vec<Part>>,
        init_containers: Option<Vec<Part>>,
    }
    #[derive(Deserialize)]
    struct Part {
        resources: Option<ResourceRequirements>,
    }
    let Outline { resources, containers, init_containers } = Outline::deserialize(spec)?;
    let parts = || containers.iter().chain(&init_containers).flatten().map(|part| part.resources.as_ref());
    Ok(resources.as_ref().map_or_else(|| class(parts()), |resources| class(std::iter::once(Some(resources)))))
}

fn class<'a>(containers: impl Iterator<Item = Option<&'a ResourceRequirements>>) -> &'static str {
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut all_limited = true;
    for resources in containers {
        add(resources.and_then(|resources| resources.requests.as_ref()), &mut requests);
        all_limited &= add(resources.and_then(|resources| resources.limits.as_ref()), &mut limits) == COMPUTE.len();
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

type Amounts = BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>;

/// Adds the amounts that count; says of how many resources.
fn add(amounts: Option<&Amounts>, sum: &mut BTreeMap<String, Quantity>) -> usize {
    let counted = amounts.into_iter().flatten().map(|(name, text)| (name, amount(text)));
    let counted = counted.filter(|(name, amount)| COMPUTE.contains(&name.as_str()) && !amount.is_zero() && !amount.is_negative());
    counted.map(|(name, amount)| *sum.entry(name.clone()).or_default() += amount).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_requests_and_limits() {
        let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}});
        for (resources, class) in [
            (vec![json!({})], "BestEffort"),
            (vec![full.clone()], "Guaranteed"),
            (vec![full.clone(), json!({})], "Burstable"),
            (vec![json!({"requests": {"cpu": "1"}})], "Burstable"),
            (vec![json!({"requests": {"example.com/gpu": "1"}})], "BestEffort"),
        ] {
            let containers: Vec<Value> = resources.into_iter().map(|resources| json!({"name": "c", "resources": resources})).collect();
            let json = json!({ "containers": containers, "initContainers": null });
            let spec: PodSpec = serde_json::from_value(json.clone()).unwrap();
            assert_eq!((qos_class(&spec), qos_class_of(&json).unwrap()), (class, class));
        }
    }
}

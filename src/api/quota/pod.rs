//! What a pod counts for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Amounts, amounts, one};

/// The requests and limits of a whole pod.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    pub requests: Amounts,
    pub limits: Amounts,
}

/// A pod that has ended uses nothing, nor does one whose grace has long run out.
pub(super) fn is_over(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// What the scheduler would set aside: the sum of the containers that run together, or what the most demanding start needs.
pub fn totals(pod: &Value) -> Totals {
    Totals { requests: total(pod, "requests"), limits: total(pod, "limits") }
}

fn total(pod: &Value, list: &str) -> Amounts {
    let spec = &pod["spec"];
    let of = |container: &Value| amounts(&container["resources"][list]);
    let each = |field: &str| spec[field].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let mut sum = Amounts::new();
    each("containers").for_each(|container| add(&mut sum, &of(container)));
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in each("initContainers") {
        let mut needed = of(container);
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &needed);
            needed = sidecars.clone();
        } else {
            add(&mut needed, &sidecars);
        }
        raise(&mut most, &needed);
    }
    add(&mut sum, &sidecars);
    raise(&mut sum, &most);
    sum.extend(amounts(&spec["resources"][list]));
    let mut overhead = amounts(&spec["overhead"]);
    overhead.retain(|name, _| list == "requests" || sum.contains_key(name));
    add(&mut sum, &overhead);
    sum
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += *amount;
    }
}

fn raise(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let present = sum.entry(name.clone()).or_insert(*amount);
        *present = (*present).max(*amount);
    }
}

/// The names by which a quota may limit what a pod requests. `cpu` and the like stand for their requests.
pub(super) fn usage(pod: &Value) -> Amounts {
    let Totals { requests, limits } = totals(pod);
    let mut used = Amounts::new();
    for (name, amount) in requests {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-") {
            used.insert(name.clone(), amount);
        }
        used.insert(format!("requests.{name}"), amount);
    }
    used.extend(limits.into_iter().map(|(name, amount)| (format!("limits.{name}"), amount)));
    used.insert("pods".to_owned(), one());
    used
}

/// What containers must say themselves when a quota limits it, and do not: `requests.cpu for: a,b; …`; `None` if nothing is missing.
pub fn missing(hard: &Amounts, pod: &Value) -> Option<String> {
    let mut silent: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, list, resource) in [
        ("cpu", "requests", "cpu"),
        ("limits.cpu", "limits", "cpu"),
        ("limits.memory", "limits", "memory"),
        ("memory", "requests", "memory"),
        ("requests.cpu", "requests", "cpu"),
        ("requests.memory", "requests", "memory"),
    ] {
        if !hard.contains_key(name) {
            continue;
        }
        let containers = ["containers", "initContainers"].iter().flat_map(|field| pod["spec"][*field].as_array().into_iter().flatten());
        for container in containers.filter(|container| container["resources"][list].get(resource).is_none()) {
            silent.entry(name).or_default().insert(container["name"].as_str().unwrap_or_default());
        }
    }
    let each = silent.into_iter().map(|(name, containers)| format!("{name} for: {}", Vec::from_iter(containers).join(",")));
    Some(each.collect::<Vec<_>>().join("; ")).filter(|missing| !missing.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cpu(amount: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": amount}}})
    }

    #[test]
    fn a_pod_needs_what_runs_together_or_what_its_start_needs() {
        let sidecar = json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": "300m"}}});
        for (containers, init, expected) in [
            (vec![cpu("100m"), cpu("200m")], vec![], "300m"),
            (vec![cpu("100m")], vec![cpu("1")], "1"),
            (vec![cpu("100m")], vec![sidecar.clone()], "400m"),
            (vec![cpu("100m")], vec![sidecar, cpu("1")], "1300m"),
        ] {
            let pod = json!({"spec": {"containers": containers, "initContainers": init}});
            assert_eq!(totals(&pod).requests["cpu"].to_string(), expected);
        }
    }

    #[test]
    fn every_container_says_what_is_limited() {
        let hard = amounts(&json!({"requests.cpu": "1", "limits.memory": "1Gi"}));
        let pod = json!({"spec": {"containers": [cpu("1"), {"name": "d"}]}});
        assert_eq!(missing(&hard, &pod).unwrap(), "limits.memory for: c,d; requests.cpu for: d");
    }
}

//! What containers ask for, and amounts in general.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::format::qualified_name;
use super::{ErrorList, Path};
use crate::api::quantity::Quantity;

const HUGE_PAGES: &str = "hugepages-";
const CONTAINER_RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Besides those of containers: what quotas and nodes count.
const STANDARD_RESOURCES: [&str; 16] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "requests.storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
];
/// Things that are counted, not measured.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// An amount whose text was checked when the object was decoded.
pub fn amount(text: &Text) -> Quantity {
    text.0.parse().unwrap_or_default()
}

/// Of Kubernetes' own: `cpu`, `kubernetes.io/…`.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// A resource that someone else defined: `example.com/gpu`.
pub fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && qualified_name(&format!("requests.{name}")).is_empty()
}

fn is_standard(name: &str) -> bool {
    STANDARD_RESOURCES.contains(&name) || COUNTED.contains(&name) || name.starts_with(HUGE_PAGES) || name.starts_with("requests.hugepages-")
}

/// More may be asked for than there is: not of huge pages, nor of extended resources.
pub fn may_overcommit(name: &str) -> bool {
    is_native(name) && !name.starts_with(HUGE_PAGES)
}

/// The name of any resource.
pub fn resource_name(name: &str, path: &Path, errors: &mut ErrorList) {
    let wrong = qualified_name(name);
    if wrong.is_empty() && !name.contains('/') && !is_standard(name) {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    errors.invalid_each(path, name, wrong);
}

/// The name of what a quota counts.
pub fn quota_resource_name(name: &str, path: &Path, errors: &mut ErrorList) {
    resource_name(name, path, errors);
    if !name.contains('/') && (!is_standard(name) || name == "storage") {
        errors.invalid(path, name, "must be a standard resource for quota");
    }
}

pub fn container_resource_name(name: &str, path: &Path, errors: &mut ErrorList) {
    resource_name(name, path, errors);
    if !name.contains('/') {
        if !CONTAINER_RESOURCES.contains(&name) && !name.starts_with(HUGE_PAGES) {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.invalid(path, name, "doesn't follow extended resource name standard");
    }
}

pub fn not_negative(quantity: &Quantity, path: &Path, errors: &mut ErrorList) {
    if quantity.is_negative() {
        errors.invalid(path, &quantity.to_string(), "must be greater than or equal to 0");
    }
}

/// An amount of a resource: whole where the resource is counted.
pub fn resource_amount(name: &str, quantity: &Quantity, path: &Path, errors: &mut ErrorList) {
    not_negative(quantity, path, errors);
    if (COUNTED.contains(&name) || is_extended(name)) && quantity.milli_value() % 1000 != 0 {
        errors.invalid(path, &quantity.to_string(), "must be an integer");
    }
}

/// What a container asks for. `claims` are the names of the pod's resource claims.
pub fn requirements(resources: Option<&ResourceRequirements>, claims: &[&str], path: &Path, errors: &mut ErrorList) {
    let Some(resources) = resources else { return };
    let none = BTreeMap::new();
    let (limits, requests) = (resources.limits.as_ref().unwrap_or(&none), resources.requests.as_ref().unwrap_or(&none));
    for (name, text) in limits {
        one_amount(name, text, &path.child("limits").key(name), errors);
    }
    for (name, text) in requests {
        one_amount(name, text, &path.child("requests").key(name), errors);
        request_within_limit(name, text, limits.get(name), path, errors);
    }
    let names = || limits.keys().chain(requests.keys());
    if names().any(|name| name.starts_with(HUGE_PAGES)) && !names().any(|name| name == "cpu" || name == "memory") {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
    claim_names(resources.claims.as_deref().unwrap_or_default(), claims, &path.child("claims"), errors);
}

fn one_amount(name: &str, text: &Text, path: &Path, errors: &mut ErrorList) {
    container_resource_name(name, path, errors);
    let quantity = amount(text);
    resource_amount(name, &quantity, path, errors);
    if let Some(page) = name.strip_prefix(HUGE_PAGES).and_then(|page| page.parse::<Quantity>().ok())
        && (page.value() <= 0 || quantity.value() % page.value() != 0)
    {
        errors.invalid(path, &quantity.to_string(), &format!("{quantity} is not positive integer multiple of {page}"));
    }
}

fn request_within_limit(name: &str, request: &Text, limit: Option<&Text>, path: &Path, errors: &mut ErrorList) {
    let request = amount(request);
    match limit.map(amount) {
        Some(limit) if request != limit && !may_overcommit(name) => {
            errors.invalid(&path.child("requests"), &request.to_string(), &format!("must be equal to {name} limit of {limit}"));
        }
        Some(limit) if request > limit => {
            errors.invalid(
                &path.child("requests"),
                &request.to_string(),
                &format!("must be less than or equal to {name} limit of {limit}"),
            );
        }
        None if !may_overcommit(name) => errors.required(&path.child("limits"), "Limit must be set for non overcommitable resources"),
        _ => {}
    }
}

fn claim_names(claims: &[ResourceClaim], known: &[&str], path: &Path, errors: &mut ErrorList) {
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        if claims[..index].iter().any(|other| (&other.name, &other.request) == (&claim.name, &claim.request)) {
            errors.duplicate(&path, &claim.name);
        }
        if !known.contains(&claim.name.as_str()) {
            let known = if known.is_empty() { " which is empty".to_owned() } else { format!(": {}", known.join(", ")) };
            errors.not_found(&path, &claim.name, &format!("must be one of the names in pod.spec.resourceClaims{known}"));
        }
    }
}

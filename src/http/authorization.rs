//! Whether one may.

use super::request::{RequestInfo, Resource};
use super::review;
use crate::api::status::{Reason, Status};
use crate::api::verbs::User;

/// Judges requests before anything is known of their object.
pub trait Authorizer: Send + Sync + 'static {
    fn allows(&self, user: &User, request: &RequestInfo) -> bool;
}

/// Fixed rules: masters may do everything, nodes and the system's service accounts what their work needs, everybody may see what is public.
pub struct SystemRules;

/// The group of all who have not shown who they are.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// What anybody may read, without saying who they are.
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];
/// What whoever is known may read: discovery.
const DISCOVERY: [&str; 3] = ["/api", "/apis", "/openapi"];

const READ: [&str; 3] = ["get", "list", "watch"];

impl Authorizer for SystemRules {
    fn allows(&self, user: &User, request: &RequestInfo) -> bool {
        let in_group = |group: &str| user.groups.iter().any(|own| own == group);
        if in_group(crate::api::verbs::MASTERS) {
            return true;
        }
        match &request.resource {
            // Whoever is known may ask who they are.
            Some(_) if review::is_asked(request) => in_group(crate::api::verbs::AUTHENTICATED),
            None => {
                request.verb == "get"
                    && (below(&request.path, &PUBLIC) || in_group("system:authenticated") && below(&request.path, &DISCOVERY))
            }
            Some(resource) if in_group("system:nodes") => node_may(user, &request.verb, resource),
            Some(_) => in_group("system:serviceaccounts:kube-system"),
        }
    }
}

fn below(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What a kubelet does: it reads what pods refer to, keeps its own node and lease, and reports on pods.
fn node_may(user: &User, verb: &str, resource: &Resource) -> bool {
    let own = user.name.strip_prefix("system:node:").is_some_and(|node| node == resource.name);
    let reads = READ.contains(&verb);
    match (resource.group.as_str(), resource.plural.as_str(), resource.subresource.as_str()) {
        ("", "nodes", "") => reads || verb == "create" || own && matches!(verb, "update" | "patch"),
        ("", "nodes", "status") => own && matches!(verb, "get" | "update" | "patch"),
        ("", "pods", "") => reads || matches!(verb, "create" | "delete"),
        ("", "pods", "status") => matches!(verb, "get" | "update" | "patch"),
        ("", "services" | "endpoints" | "configmaps" | "secrets" | "persistentvolumeclaims" | "persistentvolumes" | "namespaces", "") => {
            reads
        }
        ("", "serviceaccounts", "token") => verb == "create",
        ("" | "events.k8s.io", "events", "") => matches!(verb, "create" | "update" | "patch"),
        ("coordination.k8s.io", "leases", "") => matches!(verb, "get" | "create" | "update" | "patch" | "delete"),
        ("discovery.k8s.io", "endpointslices", "") => reads,
        _ => false,
    }
}

/// The refusal, as upstream words it.
pub fn forbidden(user: &User, request: &RequestInfo) -> Status {
    let Some(resource) = &request.resource else {
        let message = format!("forbidden: User {:?} cannot {} path {:?}", user.name, request.verb, request.path);
        return Status::new(403, Reason::Forbidden, message).about("", "", "");
    };
    let full =
        if resource.subresource.is_empty() { resource.plural.clone() } else { format!("{}/{}", resource.plural, resource.subresource) };
    let place = if resource.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", resource.namespace)
    };
    let why = format!("User \"{}\" cannot {} resource \"{full}\" in API group \"{}\" {place}", user.name, request.verb, resource.group);
    let qualified = if resource.group.is_empty() { resource.plural.clone() } else { format!("{}.{}", resource.plural, resource.group) };
    let message = if resource.name.is_empty() {
        format!("{qualified} is forbidden: {why}")
    } else {
        format!("{qualified} \"{}\" is forbidden: {why}", resource.name)
    };
    Status::new(403, Reason::Forbidden, message).about(&resource.group, &resource.plural, &resource.name)
}

//! Whether one may.

mod controllers;
mod listing;
mod node;

use k8s_openapi::api::authorization::v1::SubjectRulesReviewStatus;

use super::request::{RequestInfo, Resource};
use super::reviews;
use crate::api::admission::extension::Permissions;
use crate::api::expression::authority::Wish;
use crate::api::node_graph::NodeGraph;
use crate::api::status::{Reason, Status};
use crate::api::verbs::{AUTHENTICATED, Api, MASTERS, NODES, User};

/// Judges requests by who asks and what for, before anything is read of a body.
pub trait Authorizer: Send + Sync + 'static {
    /// # Errors
    /// Why not; empty where there is no more to say than that one may not.
    fn judge(&self, user: &User, request: &RequestInfo) -> Result<(), String>;

    /// All that a user may do in a namespace, as far as rules can say it.
    fn rules(&self, user: &User, namespace: &str) -> SubjectRulesReviewStatus;
}

/// Fixed rules: masters may do everything, a node what its pods need, the accounts of the system's controllers what their work needs, everybody
/// may see what is public.
pub struct SystemRules {
    api: Api,
}

impl SystemRules {
    /// `api` knows what the pods of a node refer to.
    pub fn new(api: Api) -> Self {
        Self { api }
    }
}

/// The group of all who have not shown who they are.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// What anybody may read, without saying who they are.
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];
/// What whoever is known may read: discovery.
const DISCOVERY: [&str; 3] = ["/api", "/apis", "/openapi"];

const SYSTEM_ACCOUNTS: &str = "system:serviceaccounts:kube-system";
/// Before the name of an account of the system's own.
const SYSTEM_ACCOUNT: &str = "system:serviceaccount:kube-system:";

impl Authorizer for SystemRules {
    fn judge(&self, user: &User, request: &RequestInfo) -> Result<(), String> {
        if user.is_in(MASTERS) {
            return Ok(());
        }
        let may = match &request.resource {
            None => {
                request.verb == "get" && (below(&request.path, &PUBLIC) || user.is_in(AUTHENTICATED) && below(&request.path, &DISCOVERY))
            }
            // Whoever is known may ask who they are and what they may do.
            Some(resource) if request.verb == "create" && reviews::named(resource).is_some_and(|review| review.is_of_self) => {
                user.is_in(AUTHENTICATED)
            }
            Some(resource) => match (user.node(), user.name.strip_prefix(SYSTEM_ACCOUNT)) {
                (Some(name), _) => return node::judge(name, &NodeGraph::new(&self.api.store().snapshot(), name), request, resource),
                (None, Some(account)) if user.is_in(SYSTEM_ACCOUNTS) => controllers::may(account, &request.verb, resource),
                (None, _) if user.is_in(NODES) => return Err(format!("unknown node for user \"{}\"", user.name)),
                (None, _) => false,
            },
        };
        if may { Ok(()) } else { Err(String::new()) }
    }

    fn rules(&self, user: &User, _: &str) -> SubjectRulesReviewStatus {
        let mut rules = listing::of_groups(user);
        if user.is_in(MASTERS) {
            return rules;
        }
        if user.node().is_some() {
            rules.incomplete = true;
            rules.evaluation_error = Some("node authorizer does not support user rule resolution".to_owned());
        } else if let Some(account) = user.name.strip_prefix(SYSTEM_ACCOUNT).filter(|_| user.is_in(SYSTEM_ACCOUNTS)) {
            let own = controllers::rules(account).flat_map(|(verbs, resources)| listing::resource_rules(verbs, resources));
            rules.resource_rules.extend(own);
        }
        rules
    }
}

impl Permissions for SystemRules {
    fn may(&self, user: &User, wish: &Wish) -> Result<(), String> {
        let resource = wish.path.is_none().then(|| Resource {
            group: wish.group.clone(),
            version: "*".to_owned(),
            namespace: wish.namespace.clone(),
            plural: wish.resource.clone(),
            name: wish.name.clone(),
            subresource: wish.subresource.clone(),
            rest: Vec::new(),
        });
        let path = wish.path.clone().unwrap_or_default();
        self.judge(user, &RequestInfo { verb: wish.verb.clone(), path, resource, field_selector: String::new() })
    }
}

fn below(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The refusal, as upstream words it. `reason` may be empty.
pub fn forbidden(user: &User, request: &RequestInfo, reason: &str) -> Status {
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let Some(resource) = &request.resource else {
        let message = format!("forbidden: User {:?} cannot {} path {:?}{reason}", user.name, request.verb, request.path);
        return Status::new(403, Reason::Forbidden, message).about("", "", "");
    };
    let full =
        if resource.subresource.is_empty() { resource.plural.clone() } else { format!("{}/{}", resource.plural, resource.subresource) };
    let place = if resource.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", resource.namespace)
    };
    let why =
        format!("User \"{}\" cannot {} resource \"{full}\" in API group \"{}\" {place}{reason}", user.name, request.verb, resource.group);
    let qualified = if resource.group.is_empty() { resource.plural.clone() } else { format!("{}.{}", resource.plural, resource.group) };
    let message = if resource.name.is_empty() {
        format!("{qualified} is forbidden: {why}")
    } else {
        format!("{qualified} \"{}\" is forbidden: {why}", resource.name)
    };
    Status::new(403, Reason::Forbidden, message).about(&resource.group, &resource.plural, &resource.name)
}

//! Whether one may: `system:masters` may everything, a node what its pods need, and all may what roles give them (the page "Using RBAC
//! Authorization").
//!
//! What follows from roles and bindings is compiled once for each change of them ([`Policy`]), and never older than what was acknowledged.

mod certificates;
pub mod defaults;
mod escalation;
mod node;
mod policy;
mod refusal;
mod request;
mod rule;

use std::sync::Arc;

use k8s_openapi::api::authorization::v1::SubjectRulesReviewStatus;

pub use policy::{COLLECTIONS, Granted, Policy};
pub use refusal::forbidden;
pub use request::{RequestInfo, Resource};
pub use rule::{Quoted, Rule};

use super::derived::Derived;
use super::node_graph::NodeGraph;
use super::object::Object;
use super::verbs::{MASTERS, NODES, User};
use crate::runtime::store::Store;

pub(in crate::api) use certificates::judge_signer;
pub(in crate::api) use escalation::judge_grant;

/// The group of all who have not shown who they are.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Why one may.
#[derive(Clone, Debug)]
pub enum Permission {
    /// By what one is: there is no more to say.
    Always,
    Granted(Granted),
}

/// Judges over the newest roles of a store. Clones share what is compiled.
#[derive(Clone)]
pub struct Authorizer {
    store: Arc<dyn Store<Object>>,
    policy: Arc<Derived<Policy>>,
}

impl Authorizer {
    pub fn new(store: Arc<dyn Store<Object>>) -> Self {
        Self { store, policy: Arc::new(Derived::of(&COLLECTIONS)) }
    }

    /// What the roles and bindings give, of no older than now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.get(&*self.store, Policy::compile)
    }

    /// # Errors
    /// Why not; empty where there is no more to say than that one may not.
    pub fn judge(&self, user: &User, request: &RequestInfo) -> Result<Permission, String> {
        if user.is_in(MASTERS) {
            return Ok(Permission::Always);
        }
        let node = match self.judge_node(user, request) {
            Ok(()) => return Ok(Permission::Always),
            Err(why) => why,
        };
        self.policy().judge(user, request).map(Permission::Granted).map_err(|why| match (node.is_empty(), why.is_empty()) {
            (true, _) => why,
            (false, true) => node,
            (false, false) => format!("{node}\n{why}"),
        })
    }

    fn judge_node(&self, user: &User, request: &RequestInfo) -> Result<(), String> {
        match (user.node(), &request.resource) {
            (Some(name), Some(resource)) => node::judge(name, &NodeGraph::new(&self.store.snapshot(), name), request, resource),
            (None, _) if user.is_in(NODES) => Err(format!("unknown node for user {:?}", user.name)),
            _ => Err(String::new()),
        }
    }

    pub fn may(&self, user: &User, request: &RequestInfo) -> bool {
        self.judge(user, request).is_ok()
    }

    /// All that a user may do in a namespace, as far as rules can say it.
    pub fn rules(&self, user: &User, namespace: &str) -> SubjectRulesReviewStatus {
        let mut status = self.policy().listing(user, namespace);
        if user.node().is_some() {
            status.incomplete = true;
            let own = "node authorizer does not support user rule resolution".to_owned();
            status.evaluation_error = Some(match status.evaluation_error {
                Some(other) => format!("[{own}, {other}]"),
                None => own,
            });
        }
        status
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always => Ok(()),
            Self::Granted(granted) => granted.fmt(f),
        }
    }
}

//! What the cluster as a whole has to say about a write: plugins that complete an object or refuse it, each a function of the request,
//! the object and one snapshot. Their order is upstream's.

mod certificate_subject;
mod claim_resize;
mod default_class;
mod default_toleration_seconds;
mod device_access;
pub mod extension;
mod limit_ranger;
mod namespace_lifecycle;
mod node_restriction;
mod pod_security;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;
mod storage_protection;
mod taint_new_nodes;

use std::sync::Arc;

pub use node_restriction::admit as restrict_node;
pub use resource_quota::charge;
use serde_json::Value;

use super::kinds::{Kind, Subresource};
use super::object::Object;
use super::status::Status;
use super::verbs::{Target, User};
use crate::runtime::store::{Key, Snapshot};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// A write that asks to be admitted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub kind: &'a Kind,
    pub operation: Operation,
    pub subresource: Option<Subresource>,
    /// Empty for cluster-scoped kinds.
    pub namespace: &'a str,
    pub name: &'a str,
    pub user: &'a User,
    /// The present object, unless it is being created.
    pub old: Option<&'a Value>,
    pub snapshot: &'a Snapshot<Object>,
    /// A suffix for a generated name.
    pub suffix: &'a (dyn Fn() -> String + Sync),
}

impl<'a> Request<'a> {
    /// What somebody asks of a target. The object that is changed is still to be named.
    pub fn of(
        operation: Operation,
        target: &'a Target,
        user: &'a User,
        snapshot: &'a Snapshot<Object>,
        suffix: &'a (dyn Fn() -> String + Sync),
    ) -> Self {
        let Target { kind, namespace, name, subresource } = target;
        Self { kind, operation, subresource: *subresource, namespace, name, user, old: None, snapshot, suffix }
    }
}

impl Request<'_> {
    fn forbidden(&self, why: &str) -> Status {
        Status::forbidden(self.kind.group(), self.kind.plural(), self.name, why)
    }

    /// The object is of a built-in kind of that name. Custom resources may have names that these have.
    fn is_of(&self, plural: &str) -> bool {
        self.kind.custom.is_none() && self.kind.plural() == plural
    }

    /// The object itself is being created.
    fn creates(&self, plural: &str) -> bool {
        self.operation == Operation::Create && self.writes(plural)
    }

    /// The object itself, not a subresource of it, is being created or changed.
    fn writes(&self, plural: &str) -> bool {
        self.operation != Operation::Delete && self.is_of(plural) && self.subresource.is_none()
    }

    fn find(&self, collection: &str, path: &str) -> Option<&Object> {
        self.snapshot.get(&Key::new(collection, Arc::from(path)))
    }
}

type Mutate = fn(&Request, &mut Value) -> Result<(), Status>;
type Judge = fn(&Request, Option<&Value>) -> Result<(), Status>;

const MUTATING: [Mutate; 9] = [
    limit_ranger::admit,
    service_account::admit,
    taint_new_nodes::admit,
    priority::admit,
    default_toleration_seconds::admit,
    default_class::storage,
    storage_protection::admit,
    runtime_class::admit,
    default_class::ingress,
];

const VALIDATING: [Judge; 5] =
    [device_access::judge, limit_ranger::judge, priority::judge, claim_resize::judge, certificate_subject::judge];

/// Completes the object that is to be written, or refuses it.
pub fn mutate(request: &Request, object: &mut Value) -> Result<(), Status> {
    namespace_lifecycle::admit(request)?;
    restrict_node(request, Some(object))?;
    if request.kind.custom.is_some() {
        return Ok(());
    }
    MUTATING.iter().try_for_each(|plugin| plugin(request, object))
}

/// The word of what is built in on a complete object, or (`None`) on a deletion; gives warnings.
pub fn judge(request: &Request, object: Option<&Value>) -> Result<Vec<String>, Status> {
    if request.operation == Operation::Delete {
        namespace_lifecycle::admit(request)?;
        restrict_node(request, None)?;
    }
    if request.kind.custom.is_some() {
        return Ok(Vec::new());
    }
    VALIDATING.iter().try_for_each(|plugin| plugin(request, object))?;
    object.map_or(Ok(Vec::new()), |object| pod_security::judge(request, object))
}

//! NamespaceLifecycle: nothing is made where there is no namespace, or in one that is going; some namespaces stay.

use super::{Operation, Request};
use crate::api::status::Status;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) fn admit(request: &Request) -> Result<(), Status> {
    let is_namespace = request.kind.plural() == "namespaces";
    if request.operation == Operation::Delete {
        let protected = is_namespace && IMMORTAL.contains(&request.name);
        return if protected { Err(request.forbidden("this namespace may not be deleted")) } else { Ok(()) };
    }
    if is_namespace || request.namespace.is_empty() {
        return Ok(());
    }
    let namespace = request.namespace;
    let Some(object) = request.find("namespaces", namespace) else { return Err(Status::not_found("", "namespaces", namespace)) };
    if request.operation == Operation::Create && object.meta().deletion_timestamp.is_some() {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let message = format!("namespace {namespace} is being terminated");
        return Err(request.forbidden(&why).because("NamespaceTerminating", "metadata.namespace", message));
    }
    Ok(())
}

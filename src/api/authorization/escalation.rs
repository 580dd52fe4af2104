//! Nobody gives by a role what they do not have (the page "Using RBAC Authorization", "Privilege escalation prevention and bootstrapping"):
//! who writes a role or a binding has all of its rules, or the verb `escalate` or `bind` on the role, or is a master.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};
use serde_json::Value;

use super::policy::{aggregate, not_found};
use super::rule::{Quoted, Rule, missing};
use super::{Authorizer, RequestInfo, Resource, User};
use crate::api::admission::{Operation, Request};
use crate::api::status::{Reason, Status};
use crate::api::verbs::MASTERS;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Judges the object of a write, complete but for its judgment.
///
/// # Errors
/// `Forbidden`: it gives more than its writer has. `NotFound`: the role to be bound is not there.
pub fn judge_grant(authorizer: &Authorizer, request: &Request, object: &Value) -> Result<(), Status> {
    let Request { kind, user, old, subresource, operation, .. } = *request;
    if kind.group() != GROUP || subresource.is_some() || operation == Operation::Delete || user.is_system() || user.is_in(MASTERS) {
        return Ok(());
    }
    if old.is_some_and(|old| only_lets_go(object, old)) {
        return Ok(());
    }
    match kind.plural() {
        "roles" | "clusterroles" => role(authorizer, request, object),
        _ => binding(authorizer, request, object),
    }
}

fn role(authorizer: &Authorizer, request: &Request, role: &Value) -> Result<(), Status> {
    let name = if request.operation == Operation::Create { "" } else { request.name };
    if authorizer.may(request.user, &asks("escalate", request.kind.plural(), request.namespace, name)) {
        return Ok(());
    }
    confirm(authorizer, request, &rules(&role["rules"])).map_err(|why| refused(request, &why))?;
    let aggregates = |role: &Value| !role["aggregationRule"].is_null();
    if aggregates(role) || request.old.is_some_and(aggregates) {
        let everything = super::defaults::notation::rules("* | * | *\n* | url | *");
        let needs = "must have cluster-admin privileges to use the aggregationRule";
        confirm(authorizer, request, &everything).map_err(|_| refused(request, needs))?;
    }
    Ok(())
}

fn binding(authorizer: &Authorizer, request: &Request, binding: &Value) -> Result<(), Status> {
    // A wrong reference is the judgment's to say.
    let Ok(role) = serde_json::from_value::<RoleRef>(binding["roleRef"].clone()) else { return Ok(()) };
    let plural = match role.kind.as_str() {
        "Role" => "roles",
        "ClusterRole" => "clusterroles",
        kind => return Err(Status::new(500, Reason::Unknown, format!("unsupported role reference kind: {kind:?}"))),
    };
    if role.api_group == GROUP && authorizer.may(request.user, &asks("bind", plural, request.namespace, &role.name)) {
        return Ok(());
    }
    let Some(rules) = authorizer.policy().role(&role, request.namespace) else {
        return Err(Status::not_found(GROUP, request.kind.plural(), &role.name));
    };
    confirm(authorizer, request, &rules).map_err(|why| refused(request, &why))
}

fn asks(verb: &str, plural: &str, namespace: &str, name: &str) -> RequestInfo {
    let [group, version, plural, namespace, name] = [GROUP, "*", plural, namespace, name].map(str::to_owned);
    RequestInfo::of(verb, Resource { group, version, namespace, plural, name, ..Resource::default() })
}

fn rules(given: &Value) -> Vec<Rule> {
    let rules = given.as_array().into_iter().flatten();
    rules.filter_map(|rule| serde_json::from_value::<PolicyRule>(rule.clone()).ok()).map(Rule::from).collect()
}

fn refused(request: &Request, why: &str) -> Status {
    Status::forbidden(request.kind.group(), request.kind.plural(), request.name, why)
}

/// Whether the user has all of the rules; what is missing, if not.
fn confirm(authorizer: &Authorizer, request: &Request, wanted: &[Rule]) -> Result<(), String> {
    let Request { user, namespace, kind, .. } = *request;
    let (held, gone) = authorizer.policy().held(user, namespace);
    let held: Vec<&Rule> = held.iter().flat_map(|rules| rules.iter()).collect();
    let mut lines: Vec<String> = missing(&held, wanted).iter().map(Rule::to_string).collect();
    if lines.is_empty() {
        return Ok(());
    }
    lines.sort();
    lines.dedup();
    let User { name, groups, .. } = user;
    let who = format!("user {name:?} (groups={})", Quoted(groups));
    let unresolved = aggregate(gone.iter().map(|role| not_found(role, kind.plural())));
    let unresolved = unresolved.map_or_else(String::new, |errors| format!("; resolution errors: [{errors}]"));
    Err(format!("{who} is attempting to grant RBAC permissions not currently held:\n{}{unresolved}", lines.join("\n")))
}

/// Nothing changes but by whom the object is held: the garbage collector may always let go.
fn only_lets_go(new: &Value, old: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
                metadata.remove(field);
            }
        }
        object
    };
    bare(new) == bare(old)
}

//! The refusal of who may not, as upstream words it.

use super::{RequestInfo, User};
use crate::api::status::{Reason, Status};

/// `reason` may be empty.
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

//! Whether somebody may do something (`kubectl auth can-i`): the authorizer's answer to a request that is only told of.

use k8s_openapi::api::authorization::v1::{FieldSelectorAttributes, ResourceAttributes, SubjectAccessReviewSpec};
use serde_json::{Value, json};

use crate::api::status::Status;
use crate::api::validation::{self, ErrorList};
use crate::api::verbs::User;
use crate::http::front::Exchange;
use crate::http::request::{RequestInfo, Resource};

/// Whether who asks may.
pub fn own(exchange: &Exchange, question: Value) -> Result<Value, Status> {
    let spec = spec(&question)?;
    settled(validation::access_review::own(&spec, &question["metadata"]))?;
    Ok(answered(exchange, question, &exchange.user, &spec))
}

/// Whether somebody may.
pub fn anyones(exchange: &Exchange, question: Value) -> Result<Value, Status> {
    let spec = spec(&question)?;
    settled(validation::access_review::anyones(&spec, &question["metadata"]))?;
    Ok(answered(exchange, question, &subject(&spec), &spec))
}

/// Whether somebody may in the namespace in which it is asked.
pub fn anyones_here(exchange: &Exchange, question: Value) -> Result<Value, Status> {
    let spec = spec(&question)?;
    settled(validation::access_review::anyones_here(&spec, &question["metadata"]))?;
    Ok(answered(exchange, question, &subject(&spec), &spec))
}

/// That of a review of who asks has the same fields but for the user.
fn spec(question: &Value) -> Result<SubjectAccessReviewSpec, Status> {
    match question.get("spec") {
        Some(spec) => serde_json::from_value(spec.clone()).map_err(|error| Status::bad_request(error.to_string())),
        None => Ok(SubjectAccessReviewSpec::default()),
    }
}

/// Upstream does not say which kind or name its verdict is about.
fn settled(errors: ErrorList) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("authorization.k8s.io", "", "", &errors)) }
}

fn subject(spec: &SubjectAccessReviewSpec) -> User {
    User {
        name: spec.user.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    }
}

fn answered(exchange: &Exchange, mut question: Value, user: &User, spec: &SubjectAccessReviewSpec) -> Value {
    let verdict = exchange.front.api.authorizer().judge(user, &request(spec));
    question["status"] = json!({"allowed": verdict.is_ok()});
    let reason = verdict.map_or_else(|why| why, |permission| permission.to_string());
    if !reason.is_empty() {
        question["status"]["reason"] = reason.into();
    }
    question
}

/// The request that is told of.
fn request(spec: &SubjectAccessReviewSpec) -> RequestInfo {
    if let Some(asked) = &spec.resource_attributes {
        let field_selector = asked.field_selector.as_ref().map(selector).unwrap_or_default();
        return RequestInfo { verb: text(&asked.verb), path: String::new(), resource: Some(resource(asked)), field_selector };
    }
    let asked = spec.non_resource_attributes.clone().unwrap_or_default();
    RequestInfo { verb: text(&asked.verb), path: text(&asked.path), ..RequestInfo::default() }
}

fn resource(asked: &ResourceAttributes) -> Resource {
    Resource {
        group: text(&asked.group),
        version: text(&asked.version),
        namespace: text(&asked.namespace),
        plural: text(&asked.resource),
        name: text(&asked.name),
        subresource: text(&asked.subresource),
        rest: Vec::new(),
    }
}

/// As a request would write it. What cannot be written so is left out: that only makes it ask for more than it does.
fn selector(asked: &FieldSelectorAttributes) -> String {
    if let Some(raw) = asked.raw_selector.as_ref().filter(|raw| !raw.is_empty()) {
        return raw.clone();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
    let written = asked.requirements.iter().flatten().filter_map(|requirement| {
        let sign = match requirement.operator.as_str() {
            "In" => "=",
            "NotIn" => "!=",
            _ => return None,
        };
        match requirement.values.as_deref()? {
            [value] => Some(format!("{}{sign}{}", requirement.key, escaped(value))),
            _ => None,
        }
    });
    written.collect::<Vec<_>>().join(",")
}

fn text(given: &Option<String>) -> String {
    given.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_told_of_is_the_request_that_would_be_sent() {
        let spec = |value| serde_json::from_value::<SubjectAccessReviewSpec>(value).unwrap();
        let requirements = json!([{"key": "spec.nodeName", "operator": "In", "values": ["a,b"]}, {"key": "x", "operator": "Exists"}]);
        let told = request(&spec(json!({"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "n", "version": "v1",
            "fieldSelector": {"requirements": requirements}}})));
        let query = crate::http::request::Query::new("fieldSelector=spec.nodeName%3Da%5C%2Cb");
        let sent = RequestInfo::new("GET", "/api/v1/namespaces/n/pods", &query).unwrap();
        assert_eq!((told.verb, told.resource, told.field_selector), (sent.verb, sent.resource, sent.field_selector));
        let told = request(&spec(json!({"nonResourceAttributes": {"verb": "get", "path": "/version"}})));
        assert_eq!(told, RequestInfo::new("GET", "/version", &crate::http::request::Query::default()).unwrap());
    }
}

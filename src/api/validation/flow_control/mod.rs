//! Flow schemas and priority levels.

mod level;
mod rules;

use std::collections::BTreeSet;

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, FlowSchemaSpec};
use serde_json::json;

use super::format::dns_subdomain;
use super::object_meta::object_meta;
use super::{ErrorList, NameForm, Path, internal};
use crate::api::flow_control;
pub use level::{priority_level, priority_level_status_update, priority_level_update};

const HIGHEST_PRECEDENCE: i32 = 10000;

pub fn flow_schema(schema: &FlowSchema) -> ErrorList {
    let mut errors = object_meta(&schema.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let empty = FlowSchemaSpec::default();
    let (name, spec) = (schema.metadata.name.as_deref().unwrap_or_default(), schema.spec.as_ref().unwrap_or(&empty));
    let path = Path::new("spec");
    flow_schema_spec(name, spec, &path, &mut errors);
    if let Some(fixed) = flow_control::mandatory_schema(name)
        && json!(spec) != fixed["spec"]
    {
        errors.invalid(&path, internal(spec), &format!("spec of '{name}' must equal the fixed value"));
    }
    errors.extend(status(schema));
    errors
}

pub fn flow_schema_update(new: &FlowSchema, _old: &FlowSchema) -> ErrorList {
    flow_schema(new)
}

pub fn flow_schema_status_update(new: &FlowSchema, _old: &FlowSchema) -> ErrorList {
    status(new)
}

fn status(schema: &FlowSchema) -> ErrorList {
    let conditions = schema.status.iter().flat_map(|status| status.conditions.iter().flatten());
    self::conditions(conditions.map(|condition| condition.type_.as_deref()))
}

fn flow_schema_spec(name: &str, spec: &FlowSchemaSpec, path: &Path, errors: &mut ErrorList) {
    let (precedence, at) = (spec.matching_precedence.unwrap_or_default(), path.child("matchingPrecedence"));
    if precedence <= 0 {
        errors.invalid(&at, precedence, "must be a positive value");
    }
    if precedence > HIGHEST_PRECEDENCE {
        errors.invalid(&at, precedence, &format!("must not be greater than {HIGHEST_PRECEDENCE}"));
    }
    if precedence == 1 && name != "exempt" {
        errors.invalid(&at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
    }
    let methods = ["ByNamespace", "ByUser"];
    if let Some(method) = spec.distinguisher_method.as_ref().filter(|method| !methods.contains(&method.type_.as_str())) {
        errors.not_supported(&path.child("distinguisherMethod").child("type"), internal(method), &methods);
    }
    let (level, at) = (spec.priority_level_configuration.name.as_str(), path.child("priorityLevelConfiguration"));
    match level {
        "" => errors.required(&at.child("name"), "must reference a priority level"),
        level => errors.invalid_each(&at.child("name"), level, dns_subdomain(level)),
    }
    let at = path.child("rules");
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        rules::policy(rule, &at.index(index), errors);
    }
}

/// Each condition is told once.
fn conditions<'a>(types: impl Iterator<Item = Option<&'a str>>) -> ErrorList {
    let mut errors = ErrorList::default();
    let path = Path::new("status");
    let path = path.child("conditions");
    let mut seen = BTreeSet::new();
    for (index, kind) in types.map(Option::unwrap_or_default).enumerate() {
        let at = path.index(index);
        if !seen.insert(kind) {
            errors.duplicate(&at.child("type"), kind);
        }
        if kind.is_empty() {
            errors.required(&at.child("type"), "must not be empty");
        }
    }
    errors
}

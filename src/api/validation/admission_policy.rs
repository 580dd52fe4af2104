//! Policies in CEL that are asked about writes (KEP-3488), and what binds them.

use k8s_openapi::api::admissionregistration::v1::{
    AuditAnnotation, ParamKind, ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicySpec,
    Validation, Variable,
};
use serde_json::json;

use super::admission_rule::{FAILURE_POLICIES, match_conditions, match_resources};
use super::conditions::typed_conditions;
use super::expression::{Names, Type, compile, is_reserved, must_be};
use super::format::{dns_1035_label, dns_subdomain, path_segment, qualified_name};
use super::label_selector::label_selector;
use super::object_meta::object_meta;
use super::words::{one_of, required, required_one_of};
use super::{ErrorList, NameForm, Path};

const MOST_ANNOTATIONS: usize = 20;
const ANNOTATION_LENGTH: usize = 5 * 1024;
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];
/// What an expression about a request may name.
pub fn request_names() -> Names {
    let kind = || Type::object([("group", Type::String), ("version", Type::String), ("kind", Type::String)]);
    let resource = || Type::object([("group", Type::String), ("version", Type::String), ("resource", Type::String)]);
    let user = Type::object([
        ("username", Type::String),
        ("uid", Type::String),
        ("groups", Type::list(Type::String)),
        ("extra", Type::map(Type::String, Type::list(Type::String))),
    ]);
    let request = Type::object([
        ("kind", kind()),
        ("resource", resource()),
        ("subResource", Type::String),
        ("requestKind", kind()),
        ("requestResource", resource()),
        ("requestSubResource", Type::String),
        ("name", Type::String),
        ("namespace", Type::String),
        ("operation", Type::String),
        ("userInfo", user),
        ("dryRun", Type::Bool),
        ("options", Type::Dyn),
    ]);
    let names = [
        ("object", Type::Dyn),
        ("oldObject", Type::Dyn),
        ("request", request),
        ("namespaceObject", namespace()),
        ("authorizer", Type::Unknown),
    ];
    names.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}

/// The namespace of what is asked about.
fn namespace() -> Type {
    let texts = || Type::map(Type::String, Type::String);
    let metadata = Type::object([
        ("name", Type::String),
        ("generateName", Type::String),
        ("namespace", Type::String),
        ("labels", texts()),
        ("annotations", texts()),
        ("UID", Type::String),
        ("creationTimestamp", Type::Timestamp),
        ("deletionGracePeriodSeconds", Type::Int),
        ("deletionTimestamp", Type::Timestamp),
        ("generation", Type::Int),
        ("resourceVersion", Type::String),
        ("finalizers", Type::list(Type::String)),
    ]);
    let spec = Type::object([("finalizers", Type::list(Type::String))]);
    Type::object([("metadata", metadata), ("spec", spec), ("status", Type::object([("phase", Type::String)]))])
}

pub fn policy(policy: &ValidatingAdmissionPolicy) -> ErrorList {
    judge(policy, true)
}

/// Conditions that stay as they are were judged when they came.
pub fn policy_update(new: &ValidatingAdmissionPolicy, old: &ValidatingAdmissionPolicy) -> ErrorList {
    let of = |policy: &ValidatingAdmissionPolicy| policy.spec.clone().map(|spec| (spec.param_kind, spec.match_conditions));
    judge(new, of(new) != of(old))
}

pub fn policy_status_update(new: &ValidatingAdmissionPolicy, _old: &ValidatingAdmissionPolicy) -> ErrorList {
    let mut errors = ErrorList::default();
    let path = Path::new("status");
    let status = new.status.clone().unwrap_or_default();
    let checked = path.child("typeChecking");
    let checked = checked.child("expressionWarnings");
    for (index, warning) in status.type_checking.iter().flat_map(|checked| checked.expression_warnings.iter().flatten()).enumerate() {
        let at = checked.index(index);
        required(&warning.warning, &at.child("warning"), &mut errors);
        required(warning.field_ref.trim(), &at.child("fieldRef"), &mut errors);
    }
    typed_conditions(status.conditions.as_deref().unwrap_or_default(), &path.child("conditions"), &mut errors);
    errors
}

fn judge(policy: &ValidatingAdmissionPolicy, with_conditions: bool) -> ErrorList {
    let mut errors = object_meta(&policy.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let empty = ValidatingAdmissionPolicySpec::default();
    let spec = policy.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    match spec.failure_policy.as_deref() {
        None => errors.required(&path.child("failurePolicy"), ""),
        word => one_of(word, &FAILURE_POLICIES, &path.child("failurePolicy"), &mut errors),
    }
    if let Some(kind) = &spec.param_kind {
        parameter_kind(kind, &path.child("paramKind"), &mut errors);
    }
    let at = path.child("matchConstraints");
    match &spec.match_constraints {
        None => errors.required(&at, ""),
        Some(constraints) => {
            match_resources(constraints, &at, &mut errors);
            if constraints.resource_rules.as_ref().is_none_or(Vec::is_empty) {
                errors.required(&at.child("resourceRules"), "");
            }
        }
    }
    let mut names = request_names();
    if spec.param_kind.is_some() {
        names.insert("params".to_owned(), Type::Dyn);
    }
    if with_conditions {
        match_conditions(spec.match_conditions.as_deref().unwrap_or_default(), &names, &path.child("matchConditions"), &mut errors);
    }
    variables(spec.variables.as_deref().unwrap_or_default(), &mut names, &path.child("variables"), &mut errors);
    let validations = spec.validations.as_deref().unwrap_or_default();
    let annotations = spec.audit_annotations.as_deref().unwrap_or_default();
    if validations.is_empty() && annotations.is_empty() {
        for field in ["validations", "auditAnnotations"] {
            errors.required(&path.child(field), "validations or auditAnnotations must contain at least one item");
        }
    }
    let at = path.child("validations");
    for (index, one) in validations.iter().enumerate() {
        validation(one, &names, &at.index(index), &mut errors);
    }
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    audit_annotations(name, annotations, &names, &path.child("auditAnnotations"), &mut errors);
    errors
}

fn parameter_kind(kind: &ParamKind, path: &Path, errors: &mut ErrorList) {
    let (api_version, kind) = (kind.api_version.as_deref().unwrap_or_default(), kind.kind.as_deref().unwrap_or_default());
    let at = path.child("apiVersion");
    match api_version.split('/').collect::<Vec<_>>()[..] {
        _ if api_version.is_empty() => errors.required(&at, ""),
        [version] => group_version(api_version, "", version, &at, errors),
        [group, version] => group_version(api_version, group, version, &at, errors),
        _ => errors.invalid(&at, api_version, &format!("unexpected GroupVersion string: {api_version}")),
    }
    let wrong = dns_1035_label(&kind.to_lowercase());
    if kind.is_empty() {
        errors.required(&path.child("kind"), "");
    } else if !wrong.is_empty() {
        let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
        errors.invalid(&path.child("kind"), kind, &why);
    }
}

fn group_version(both: &str, group: &str, version: &str, path: &Path, errors: &mut ErrorList) {
    let wrong = dns_subdomain(group);
    if !group.is_empty() && !wrong.is_empty() {
        errors.invalid(path, group, &wrong.join(","));
    }
    let wrong = dns_1035_label(version);
    if version.is_empty() {
        errors.invalid(path, both, "version must be specified");
    } else if !wrong.is_empty() {
        errors.invalid(path, version, &wrong.join(","));
    }
}

/// Each variable may speak of those before it.
fn variables(variables: &[Variable], names: &mut Names, path: &Path, errors: &mut ErrorList) {
    if variables.is_empty() {
        return;
    }
    let mut known = Names::new();
    for (index, variable) in variables.iter().enumerate() {
        let at = path.index(index);
        names.insert("variables".to_owned(), Type::Object(known.clone()));
        let (name, expression) = (variable.name.as_str(), variable.expression.as_str());
        if name.trim().is_empty() {
            errors.required(&at.child("name"), "name is not specified");
        } else if !is_identifier(name) {
            errors.invalid(&at.child("name"), name, "name is not a valid CEL identifier");
        }
        if expression.trim().is_empty() {
            errors.required(&at.child("expression"), "expression is not specified");
            continue;
        }
        match compile(expression, names) {
            Ok(found) => drop(known.insert(name.to_owned(), found)),
            Err(why) => errors.invalid(&at.child("expression"), expression, &why),
        }
    }
    names.insert("variables".to_owned(), Type::Object(known));
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && !is_reserved(name)
}

fn validation(validation: &Validation, names: &Names, path: &Path, errors: &mut ErrorList) {
    let expression = validation.expression.as_str();
    if expression.trim().is_empty() {
        errors.required(&path.child("expression"), "expression is not specified");
    } else if let Some(why) = must_be(expression, names, &[Type::Bool]) {
        errors.invalid(&path.child("expression"), expression, &why);
    }
    let telling = validation.message_expression.as_deref().unwrap_or_default();
    let mut telling_names = names.clone();
    telling_names.remove("authorizer");
    if !telling.is_empty() && telling.trim().is_empty() {
        errors.invalid(&path.child("messageExpression"), telling, "must be non-empty if specified");
    } else if !telling.is_empty()
        && let Some(why) = must_be(telling, &telling_names, &[Type::String])
    {
        errors.invalid(&path.child("messageExpression"), telling, &why);
    }
    let message = validation.message.as_deref().unwrap_or_default();
    if !message.is_empty() && message.trim().is_empty() {
        errors.invalid(&path.child("message"), message, "must be non-empty if specified");
    } else if message.trim().contains(['\n', '\r']) {
        errors.invalid(&path.child("message"), message, "must not contain line breaks");
    }
    one_of(validation.reason.as_deref(), &REASONS, &path.child("reason"), errors);
}

fn audit_annotations(policy: &str, annotations: &[AuditAnnotation], names: &Names, path: &Path, errors: &mut ErrorList) {
    if annotations.len() > MOST_ANNOTATIONS {
        let why = format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations");
        errors.invalid(path, json!(annotations), &why);
    }
    for (index, annotation) in annotations.iter().enumerate() {
        let at = path.index(index);
        let key = annotation.key.as_str();
        if policy.is_empty() {
            errors.invalid(&at.child("key"), key, "requires metadata.name be non-empty");
        } else {
            let full = format!("{policy}/{key}");
            errors.invalid_each(&at.child("key"), &full, qualified_name(&full));
        }
        let (expression, at_value) = (annotation.value_expression.trim(), at.child("valueExpression"));
        if expression.is_empty() {
            errors.required(&at_value, "valueExpression is not specified");
        } else if expression.len() > ANNOTATION_LENGTH {
            errors.required(&at_value, &format!("must not exceed {ANNOTATION_LENGTH} bytes in length"));
        } else if let Some(why) = must_be(expression, names, &[Type::String, Type::Null]) {
            errors.invalid(&at_value, &annotation.value_expression, &why);
        }
        if annotations[..index].iter().any(|other| other.key == key) {
            errors.duplicate(&at.child("key"), key);
        }
    }
}

pub fn binding(binding: &ValidatingAdmissionPolicyBinding) -> ErrorList {
    let mut errors = object_meta(&binding.metadata, false, NameForm::Subdomain, &Path::new("metadata"));
    let spec = binding.spec.clone().unwrap_or_default();
    let path = Path::new("spec");
    match spec.policy_name.as_deref().unwrap_or_default() {
        "" => errors.required(&path.child("policyName"), ""),
        name => errors.invalid_each(&path.child("policyName"), name, dns_subdomain(name)),
    }
    if let Some(reference) = &spec.param_ref {
        parameters(reference, &path.child("paramRef"), &mut errors);
    }
    if let Some(matched) = &spec.match_resources {
        // Upstream's slip of the pen.
        match_resources(matched, &path.child("matchResouces"), &mut errors);
    }
    actions(spec.validation_actions.as_deref().unwrap_or_default(), &path.child("validationActions"), &mut errors);
    errors
}

pub fn binding_update(new: &ValidatingAdmissionPolicyBinding, _old: &ValidatingAdmissionPolicyBinding) -> ErrorList {
    binding(new)
}

fn parameters(reference: &ParamRef, path: &Path, errors: &mut ErrorList) {
    let exclusive = "name and selector are mutually exclusive";
    let name = reference.name.as_deref().unwrap_or_default();
    errors.invalid_each(&path.child("name"), name, path_segment(name));
    if !name.is_empty() && reference.selector.is_some() {
        errors.forbidden(&path.child("name"), exclusive);
    }
    label_selector(reference.selector.as_ref(), &path.child("selector"), errors);
    match (name, &reference.selector) {
        ("", None) => errors.required(path, "one of name or selector must be specified"),
        ("", _) | (_, None) => {}
        _ => errors.forbidden(&path.child("selector"), exclusive),
    }
    let action = reference.parameter_not_found_action.as_deref();
    required_one_of(action, &["Deny", "Allow"], &path.child("parameterNotFoundAction"), errors);
}

fn actions(actions: &[String], path: &Path, errors: &mut ErrorList) {
    for (index, action) in actions.iter().enumerate() {
        one_of(Some(action), &ACTIONS, &path.index(index), errors);
        if actions[..index].contains(action) {
            errors.duplicate(&path.index(index), action);
        }
    }
    let has = |wanted: &str| actions.iter().any(|action| action == wanted);
    if has("Deny") && has("Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers \
                   serves no purpose)";
        errors.invalid(path, json!(actions), why);
    }
    if actions.is_empty() {
        errors.required(path, "at least one validation action is required");
    }
}

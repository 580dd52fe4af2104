//! Questions whether somebody may do something: the reviews of `authorization.k8s.io`.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReviewSpec};
use serde_json::{Value, json};

use super::format::{label_value, qualified_name};
use super::{ErrorList, Path};

/// A `SelfSubjectAccessReview`.
pub fn own(spec: &SubjectAccessReviewSpec, metadata: &Value) -> ErrorList {
    let mut errors = ErrorList::default();
    what(spec, &mut errors);
    selectors(spec, &mut errors);
    nothing_but(&[], metadata, "must be empty", &mut errors);
    errors
}

/// A `SubjectAccessReview`.
pub fn anyones(spec: &SubjectAccessReviewSpec, metadata: &Value) -> ErrorList {
    let mut errors = ErrorList::default();
    of_somebody(spec, &mut errors);
    nothing_but(&[], metadata, "must be empty", &mut errors);
    errors
}

/// A `LocalSubjectAccessReview`.
pub fn anyones_here(spec: &SubjectAccessReviewSpec, metadata: &Value) -> ErrorList {
    let mut errors = ErrorList::default();
    of_somebody(spec, &mut errors);
    nothing_but(&["namespace"], metadata, "must be empty except for namespace", &mut errors);
    let path = Path::new("spec");
    if let Some(asked) = &spec.resource_attributes {
        let namespace = asked.namespace.as_deref().unwrap_or_default();
        if metadata["namespace"].as_str().unwrap_or_default() != namespace {
            errors.invalid(&path.child("resourceAttributes").child("namespace"), namespace, "must match metadata.namespace");
        }
    }
    if spec.non_resource_attributes.is_some() {
        errors.invalid(&path.child("nonResourceAttributes"), shown(spec), "disallowed on this kind of request");
    }
    errors
}

fn of_somebody(spec: &SubjectAccessReviewSpec, errors: &mut ErrorList) {
    what(spec, errors);
    let user = spec.user.as_deref().unwrap_or_default();
    if user.is_empty() && spec.groups.as_ref().is_none_or(Vec::is_empty) {
        errors.invalid(&Path::new("spec").child("user"), user, "at least one of user or group must be specified");
    }
    selectors(spec, errors);
}

fn what(spec: &SubjectAccessReviewSpec, errors: &mut ErrorList) {
    let path = Path::new("spec");
    match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(_), Some(_)) => {
            errors.invalid(&path.child("nonResourceAttributes"), shown(spec), "cannot be specified in combination with resourceAttributes")
        }
        (None, None) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.invalid(&path.child("resourceAttributes"), Value::Null, why)
        }
        _ => {}
    }
}

/// The path that is asked about, as upstream's own type prints it.
fn shown(spec: &SubjectAccessReviewSpec) -> Value {
    let asked = spec.non_resource_attributes.clone().unwrap_or_default();
    json!({"Path": asked.path.unwrap_or_default(), "Verb": asked.verb.unwrap_or_default()})
}

fn nothing_but(fields: &[&str], metadata: &Value, why: &str, errors: &mut ErrorList) {
    let is_other = |field: &String| !fields.contains(&field.as_str()) && field != "managedFields";
    if metadata.as_object().is_some_and(|given| given.keys().any(is_other)) {
        errors.invalid(&Path::new("metadata"), metadata.clone(), why);
    }
}

fn selectors(spec: &SubjectAccessReviewSpec, errors: &mut ErrorList) {
    let Some(ResourceAttributes { field_selector, label_selector, .. }) = &spec.resource_attributes else { return };
    let path = Path::new("spec");
    let path = path.child("resourceAttributes");
    if let Some(selector) = field_selector {
        let path = path.child("fieldSelector");
        let requirements = selector.requirements.as_deref().unwrap_or_default();
        one_of(selector.raw_selector.as_deref(), requirements.len(), &path, errors);
        for (index, given) in requirements.iter().enumerate() {
            let list = path.child("requirements");
            let path = list.index(index);
            if given.key.is_empty() {
                errors.required(&path.child("key"), "must be specified");
            }
            values(&given.operator, given.values.as_deref().unwrap_or_default(), &path, errors);
        }
    }
    if let Some(selector) = label_selector {
        let path = path.child("labelSelector");
        let requirements = selector.requirements.as_deref().unwrap_or_default();
        one_of(selector.raw_selector.as_deref(), requirements.len(), &path, errors);
        for (index, given) in requirements.iter().enumerate() {
            let list = path.child("requirements");
            let path = list.index(index);
            let given_values = given.values.as_deref().unwrap_or_default();
            values(&given.operator, given_values, &path, errors);
            errors.invalid_each(&path.child("key"), &given.key, qualified_name(&given.key));
            for (index, value) in given_values.iter().enumerate() {
                errors.invalid_each(&path.child("values").index(index), value, label_value(value));
            }
        }
    }
}

fn one_of(raw: Option<&str>, requirements: usize, path: &Path, errors: &mut ErrorList) {
    let raw = raw.unwrap_or_default();
    if !raw.is_empty() && requirements > 0 {
        errors.invalid(&path.child("rawSelector"), raw, "may not specified at the same time as requirements");
    }
    if raw.is_empty() && requirements == 0 {
        errors.required(&path.child("requirements"), &format!("when {path} is specified, requirements or rawSelector is required"));
    }
}

/// An operator that is not known may be one of a newer version: it is not refused.
fn values(operator: &str, values: &[String], path: &Path, errors: &mut ErrorList) {
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(judge: fn(&SubjectAccessReviewSpec, &Value) -> ErrorList, spec: Value, metadata: Value) -> Vec<String> {
        let errors = judge(&serde_json::from_value(spec).unwrap(), &metadata);
        errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn a_question_is_about_one_thing_and_has_no_name() {
        let pods = json!({"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "n"}});
        assert_eq!(said(own, pods.clone(), json!({})), [""; 0]);
        assert_eq!(said(own, pods.clone(), json!({"name": "x"})), ["metadata: Invalid value: {\"name\":\"x\"}: must be empty"]);
        let nobody = "spec.user: Invalid value: \"\": at least one of user or group must be specified";
        assert_eq!(said(anyones, pods.clone(), json!({})), [nobody]);
        let both = json!({"resourceAttributes": {}, "nonResourceAttributes": {"path": "/x"}, "groups": ["g"]});
        let why = "cannot be specified in combination with resourceAttributes";
        let both_said = format!("spec.nonResourceAttributes: Invalid value: {{\"Path\":\"/x\",\"Verb\":\"\"}}: {why}");
        assert_eq!(said(anyones, both, json!({})), [both_said]);
    }

    #[test]
    fn a_question_of_a_namespace_stays_there() {
        let ask = |attributes: Value| json!({"user": "u", "resourceAttributes": attributes});
        assert_eq!(said(anyones_here, ask(json!({"namespace": "n"})), json!({"namespace": "n"})), [""; 0]);
        let elsewhere = "spec.resourceAttributes.namespace: Invalid value: \"m\": must match metadata.namespace";
        assert_eq!(said(anyones_here, ask(json!({"namespace": "m"})), json!({"namespace": "n"})), [elsewhere]);
    }

    #[test]
    fn selectors_are_judged() {
        let ask = |kind: &str, selector: Value| json!({"resourceAttributes": {kind: selector}});
        let path = "spec.resourceAttributes.labelSelector";
        let empty = format!("{path}.requirements: Required value: when {path} is specified, requirements or rawSelector is required");
        assert_eq!(said(own, ask("labelSelector", json!({})), json!({})), [empty]);
        let later = json!({"requirements": [{"key": "a", "operator": "Later", "values": ["b"]}]});
        assert_eq!(said(own, ask("fieldSelector", later.clone()), json!({})), [""; 0]);
        assert_eq!(said(own, ask("labelSelector", later), json!({})), [""; 0]);
        let none = json!({"requirements": [{"key": "a", "operator": "In"}]});
        let missing = "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'";
        assert_eq!(said(own, ask("fieldSelector", none), json!({})), [missing]);
    }
}

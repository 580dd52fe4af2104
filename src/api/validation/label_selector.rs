//! Label selectors as objects state them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::format::{label_value, qualified_name};
use super::object_meta::labels;
use super::{ErrorList, Path};

pub fn label_selector(selector: Option<&LabelSelector>, path: &Path, errors: &mut ErrorList) {
    let Some(selector) = selector else { return };
    labels(selector.match_labels.as_ref(), &path.child("matchLabels"), errors);
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        label_requirement(requirement, &path.child("matchExpressions").index(index), errors);
    }
}

fn label_requirement(requirement: &LabelSelectorRequirement, path: &Path, errors: &mut ErrorList) {
    let values = requirement.values.as_deref().unwrap_or_default();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        operator => errors.invalid(&path.child("operator"), operator, "not a valid selector operator"),
    }
    errors.invalid_each(&path.child("key"), &requirement.key, qualified_name(&requirement.key));
    for (index, value) in values.iter().enumerate() {
        errors.invalid_each(&path.child("values").index(index), value, label_value(value));
    }
}

//! Label selectors as objects state them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde_json::json;

use super::format::{label_value, qualified_name};
use super::object_meta::labels;
use super::{ErrorList, Path, Shown};
use crate::api::selector::LabelSelector as Selector;

pub fn label_selector(selector: Option<&LabelSelector>, path: &Path, errors: &mut ErrorList) {
    let Some(selector) = selector else { return };
    labels(selector.match_labels.as_ref(), &path.child("matchLabels"), errors);
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        label_requirement(requirement, &path.child("matchExpressions").index(index), errors);
    }
}

/// Whether an object's own selector picks its template's labels; an absent one picks nothing. `None` for one that cannot be.
pub fn picks(selector: Option<&LabelSelector>, labels: &BTreeMap<String, String>) -> Option<bool> {
    match selector {
        None => Some(false),
        Some(selector) => Selector::from_spec(selector).ok().map(|selector| selector.matches(labels)),
    }
}

pub fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.iter().flatten().count() + selector.match_expressions.iter().flatten().count() == 0
}

/// In the order of Go's structs.
impl Shown for &LabelSelector {
    fn shown(&self) -> String {
        let labels = self.match_labels.as_ref().filter(|labels| !labels.is_empty()).map(|labels| json!(labels).to_string());
        let expressions = self.match_expressions.as_ref().filter(|expressions| !expressions.is_empty()).map(|expressions| {
            let shown = expressions.iter().map(|one| {
                let values = one.values.as_ref().filter(|values| !values.is_empty()).map(|values| format!(",\"values\":{}", json!(values)));
                format!("{{\"key\":{},\"operator\":{}{}}}", json!(one.key), json!(one.operator), values.unwrap_or_default())
            });
            format!("[{}]", shown.collect::<Vec<_>>().join(","))
        });
        let parts = [("matchLabels", labels), ("matchExpressions", expressions)];
        let parts = parts.into_iter().filter_map(|(name, part)| Some(format!("\"{name}\":{}", part?)));
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }
}

impl Shown for Option<&LabelSelector> {
    fn shown(&self) -> String {
        self.map_or_else(|| "null".to_owned(), |selector| selector.shown())
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

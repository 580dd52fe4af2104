//! Which pods a quota with scopes is for.

use serde_json::Value;

use crate::api::kinds::Kind;

/// Whether a quota's spec is for that object: without scopes it is for everything, with them for some pods.
pub fn covers(quota: &Value, kind: &Kind, object: &Value) -> bool {
    let mut scopes = quota["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut expressions = quota["scopeSelector"]["matchExpressions"].as_array().into_iter().flatten();
    let is_pod = kind.group().is_empty() && kind.plural() == "pods";
    let asked = |expression: &Value| {
        let values: Vec<&str> = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let text = |field: &str| expression[field].as_str().unwrap_or_default();
        is_pod && holds(text("scopeName"), text("operator"), &values, object)
    };
    scopes.all(|scope| is_pod && holds(scope, "Exists", &[], object)) && expressions.all(asked)
}

fn holds(scope: &str, operator: &str, values: &[&str], pod: &Value) -> bool {
    let spec = &pod["spec"];
    let ends = !spec["activeDeadlineSeconds"].is_null();
    let best_effort = pod["status"]["qosClass"] == "BestEffort";
    match scope {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => best_effort,
        "NotBestEffort" => !best_effort,
        "PriorityClass" => {
            let class = spec["priorityClassName"].as_str().filter(|class| !class.is_empty());
            match operator {
                "In" => class.is_some_and(|class| values.contains(&class)),
                "NotIn" => class.is_none_or(|class| !values.contains(&class)),
                "DoesNotExist" => class.is_none(),
                _ => class.is_some(),
            }
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(spec),
        _ => false,
    }
}

/// Some affinity of the pod looks into other namespaces.
fn crosses_namespaces(spec: &Value) -> bool {
    let crosses = |term: &Value| {
        term["namespaces"].as_array().is_some_and(|namespaces| !namespaces.is_empty()) || !term["namespaceSelector"].is_null()
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|side| {
        let terms = |field: &str| spec["affinity"][*side][field].as_array().cloned().unwrap_or_default();
        terms("requiredDuringSchedulingIgnoredDuringExecution").iter().any(crosses)
            || terms("preferredDuringSchedulingIgnoredDuringExecution").iter().any(|weighted| crosses(&weighted["podAffinityTerm"]))
    })
}

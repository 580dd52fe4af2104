//! The cells of webhooks and policies.

use serde_json::Value;

use super::{Fields, UNSET};

pub fn webhooks(configuration: &Value) -> Value {
    configuration.list("/webhooks").len().into()
}

pub fn validations(policy: &Value) -> Value {
    policy.list("/spec/validations").len().into()
}

pub fn parameter_kind(policy: &Value) -> Value {
    match policy.at("/spec/paramKind") {
        Some(kind) if kind.is_object() => format!("{}/{}", kind.text("/apiVersion"), kind.text("/kind")).into(),
        _ => UNSET.into(),
    }
}

/// What a binding gives its policy as parameters: an object, or those that a selector selects, as Go prints it.
pub fn parameters(binding: &Value) -> Value {
    let Some(reference) = binding.at("/spec/paramRef") else { return UNSET.into() };
    match (reference.text("/name"), reference.text("/namespace")) {
        ("", _) if reference.is_set("/selector") => selector(&reference["selector"]).into(),
        ("", _) => UNSET.into(),
        (name, "") => name.into(),
        (name, namespace) => format!("{namespace}/{name}").into(),
    }
}

fn selector(selector: &Value) -> String {
    let labels = selector.at("/matchLabels").and_then(Value::as_object);
    let mut pairs: Vec<_> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default())).collect();
    pairs.sort();
    let requirement = |one: &Value| {
        let values: Vec<_> = one.list("/values").iter().filter_map(Value::as_str).collect();
        let (key, operator) = (one.text("/key"), one.text("/operator"));
        format!("LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{}],}},", values.join(" "))
    };
    let requirements: String = selector.list("/matchExpressions").iter().map(requirement).collect();
    let pairs = pairs.concat();
    format!("&LabelSelector{{MatchLabels:map[string]string{{{pairs}}},MatchExpressions:[]LabelSelectorRequirement{{{requirements}}},}}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_binding_shows_where_its_parameters_come_from() {
        for (reference, shown) in [
            (json!(null), "<unset>"),
            (json!({"name": "a"}), "a"),
            (json!({"name": "a", "namespace": "n"}), "n/a"),
            (
                json!({"selector": {"matchLabels": {"a": "b"}}}),
                "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}",
            ),
        ] {
            assert_eq!(parameters(&json!({"spec": {"paramRef": reference}})), shown);
        }
    }
}

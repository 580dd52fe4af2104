//! Metrics as the annotations of v1 state them: by other names, in the order of Go's structs.

use serde_json::{Map, Value};

use crate::api::kinds::fields::Fields;

/// A field of a metric's source by its names in v1 (first) and v2.
type Renamed = (&'static str, &'static str);

/// The sources, and their fields.
pub type Sources = [(&'static str, &'static [Renamed]); 5];

/// What is aimed at.
pub const SPECIFIED: Sources = [
    (
        "object",
        &[
            ("target", "/describedObject"),
            ("metricName", "/metric/name"),
            ("targetValue", "/target/value"),
            ("selector", "/metric/selector"),
            ("averageValue", "/target/averageValue"),
        ],
    ),
    ("pods", &[("metricName", "/metric/name"), ("targetAverageValue", "/target/averageValue"), ("selector", "/metric/selector")]),
    (
        "resource",
        &[("name", "/name"), ("targetAverageUtilization", "/target/averageUtilization"), ("targetAverageValue", "/target/averageValue")],
    ),
    (
        "containerResource",
        &[
            ("name", "/name"),
            ("targetAverageUtilization", "/target/averageUtilization"),
            ("targetAverageValue", "/target/averageValue"),
            ("container", "/container"),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "/metric/name"),
            ("metricSelector", "/metric/selector"),
            ("targetValue", "/target/value"),
            ("targetAverageValue", "/target/averageValue"),
        ],
    ),
];

/// What was measured.
pub const CURRENT: Sources = [
    (
        "object",
        &[
            ("target", "/describedObject"),
            ("metricName", "/metric/name"),
            ("currentValue", "/current/value"),
            ("selector", "/metric/selector"),
            ("averageValue", "/current/averageValue"),
        ],
    ),
    ("pods", &[("metricName", "/metric/name"), ("currentAverageValue", "/current/averageValue"), ("selector", "/metric/selector")]),
    (
        "resource",
        &[
            ("name", "/name"),
            ("currentAverageUtilization", "/current/averageUtilization"),
            ("currentAverageValue", "/current/averageValue"),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", "/name"),
            ("currentAverageUtilization", "/current/averageUtilization"),
            ("currentAverageValue", "/current/averageValue"),
            ("container", "/container"),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "/metric/name"),
            ("metricSelector", "/metric/selector"),
            ("currentValue", "/current/value"),
            ("currentAverageValue", "/current/averageValue"),
        ],
    ),
];

/// A metric of an annotation, in v2.
pub fn to_stored(metric: &Value, sources: &Sources) -> Value {
    let mut stored = Value::Object(Map::new());
    stored["type"] = metric.text("/type").into();
    for (source, fields) in sources {
        let Some(old) = metric.get(*source).filter(|old| old.is_object()) else { continue };
        let mut new = Value::Object(Map::new());
        for (name, pointer) in *fields {
            if let Some(value) = old.get(*name).filter(|value| !value.is_null()) {
                *pointer.split('/').skip(1).fold(&mut new, |place, field| &mut place[field]) = value.clone();
            }
        }
        if new.is_set("/target") {
            let kind = kind_of_target(&new["target"]);
            new["target"]["type"] = kind.into();
        }
        stored[*source] = new;
    }
    stored
}

fn kind_of_target(target: &Value) -> &'static str {
    if target.is_set("/averageUtilization") {
        "Utilization"
    } else if target.is_set("/averageValue") {
        "AverageValue"
    } else {
        "Value"
    }
}

/// The annotation for some metrics.
pub fn text<'a>(metrics: impl IntoIterator<Item = &'a Value>, sources: &Sources) -> String {
    let metrics = metrics.into_iter().map(|metric| {
        let mut fields = vec![("type", metric["type"].to_string())];
        for (source, names) in sources {
            let Some(value) = metric.get(*source).filter(|value| value.is_object()) else { continue };
            let present = names.iter().filter_map(|(name, pointer)| Some((*name, json_of(name, value.at(pointer)?))));
            fields.push((*source, object(present)));
        }
        object(fields)
    });
    array(metrics)
}

/// A reference and a selector have an order of their own; all else is plain.
fn json_of(name: &str, value: &Value) -> String {
    let in_order = |names: &[&'static str]| object(names.iter().filter_map(|name| Some((*name, value.get(name)?.to_string()))));
    match name {
        "target" => in_order(&["kind", "name", "apiVersion"]),
        "selector" | "metricSelector" => in_order(&["matchLabels", "matchExpressions"]),
        _ => value.to_string(),
    }
}

/// The annotation for the conditions.
pub fn conditions_text(conditions: &[Value]) -> String {
    array(conditions.iter().map(|condition| {
        let names = ["type", "status", "lastTransitionTime", "reason", "message"];
        let always = |name: &str| matches!(name, "type" | "status" | "lastTransitionTime");
        let shown = names.into_iter().filter(|name| always(name) || !condition.text(&format!("/{name}")).is_empty());
        object(shown.map(|name| (name, condition[name].to_string())))
    }))
}

/// The annotation for the behaviour: Go writes a struct there that has no names but its own.
pub fn behavior_text(behavior: &Value) -> String {
    let null = Value::Null;
    let rules = |name: &str| {
        let Some(rules) = behavior.get(name).filter(|rules| rules.is_object()) else { return "null".to_owned() };
        let field = |name: &str| rules.get(name).unwrap_or(&null).to_string();
        let policies = rules.get("policies").and_then(Value::as_array).map_or_else(
            || "null".to_owned(),
            |policies| {
                array(policies.iter().map(|policy| {
                    let names = [("Type", "type"), ("Value", "value"), ("PeriodSeconds", "periodSeconds")];
                    object(names.map(|(go, name)| (go, policy[name].to_string())))
                }))
            },
        );
        object([
            ("StabilizationWindowSeconds", field("stabilizationWindowSeconds")),
            ("SelectPolicy", field("selectPolicy")),
            ("Policies", policies),
            ("Tolerance", field("tolerance")),
        ])
    };
    object([("ScaleUp", rules("scaleUp")), ("ScaleDown", rules("scaleDown"))])
}

/// The behaviour of an annotation by the names of the API.
pub fn decapitalised(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            let renamed = fields.map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect(), decapitalised(value))
            });
            Value::Object(renamed.collect())
        }
        Value::Array(items) => items.into_iter().map(decapitalised).collect(),
        other => other,
    }
}

fn object(fields: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

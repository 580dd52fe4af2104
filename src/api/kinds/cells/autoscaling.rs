//! The cells of autoscalers, in their v2 form.

use serde_json::Value;

use super::{Fields, NONE, UNSET};

/// Targets that are shown; of the others there is only their number.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

pub fn reference(autoscaler: &Value) -> Value {
    let target = "/spec/scaleTargetRef";
    format!("{}/{}", autoscaler.text(&format!("{target}/kind")), autoscaler.text(&format!("{target}/name"))).into()
}

/// `measured/aimed at` of the first metrics.
pub fn targets(autoscaler: &Value) -> Value {
    let metrics = autoscaler.list("/spec/metrics");
    let current = autoscaler.list("/status/currentMetrics");
    if metrics.is_empty() {
        return NONE.into();
    }
    let none = Value::Null;
    let texts = metrics.iter().enumerate().map(|(index, metric)| target(metric, current.get(index).unwrap_or(&none)));
    let list: Vec<String> = texts.take(SHOWN).collect();
    match metrics.len() {
        many if many > SHOWN => format!("{} + {} more...", list.join(", "), many - SHOWN),
        _ => list.join(", "),
    }
    .into()
}

fn target(metric: &Value, current: &Value) -> String {
    let amount = |of: &Value, pointer: String| match of.at(&pointer) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let pair = |source: &str, field: &str| {
        let measured = amount(current, format!("/{source}/current/{field}")).unwrap_or_else(|| UNKNOWN.to_owned());
        (measured, amount(metric, format!("/{source}/target/{field}")))
    };
    let of_resource = |source: &str, name: String| match (pair(source, "averageValue"), pair(source, "averageUtilization")) {
        ((measured, Some(aim)), _) => format!("{name}: {measured}/{aim}"),
        (_, (measured, aim)) => {
            let percent = |text: String| if text == UNKNOWN { text } else { format!("{text}%") };
            format!("{name}: {}/{}", percent(measured), aim.map_or_else(|| "<auto>".to_owned(), percent))
        }
    };
    let of_value = |source: &str| match pair(source, "averageValue") {
        (measured, Some(aim)) => format!("{measured}/{aim} (avg)"),
        (_, None) => {
            let (measured, aim) = pair(source, "value");
            format!("{measured}/{}", aim.unwrap_or_default())
        }
    };
    match metric.text("/type") {
        "External" => of_value("external"),
        "Object" => of_value("object"),
        "Pods" => {
            let (measured, aim) = pair("pods", "averageValue");
            format!("{measured}/{}", aim.unwrap_or_default())
        }
        "Resource" => of_resource("resource", metric.text("/resource/name").to_owned()),
        "ContainerResource" => of_resource("containerResource", metric.text("/containerResource/name").to_owned()),
        _ => "<unknown type>".to_owned(),
    }
}

pub fn min_pods(autoscaler: &Value) -> Value {
    autoscaler.at("/spec/minReplicas").and_then(Value::as_i64).map_or_else(|| UNSET.to_owned(), |least| least.to_string()).into()
}

pub fn max_pods(autoscaler: &Value) -> Value {
    autoscaler.integer("/spec/maxReplicas").into()
}

pub fn replicas(autoscaler: &Value) -> Value {
    autoscaler.integer("/status/currentReplicas").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_autoscaler_shows_two_of_its_targets() {
        let metrics = json!([
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}},
            {"type": "External", "external": {"target": {"averageValue": "5"}}},
            {"type": "Pods", "pods": {"target": {"averageValue": "5"}}},
        ]);
        let current = json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 20}}}]);
        let object = json!({"spec": {"metrics": metrics}, "status": {"currentMetrics": current}});
        assert_eq!(targets(&object), "cpu: 20%/80%, <unknown>/5 (avg) + 1 more...");
        assert_eq!((targets(&json!({})), min_pods(&json!({}))), ("<none>".into(), "<unset>".into()));
    }
}

//! An autoscaler in v1, which knows no metric but the use of CPU. The rest travels in annotations (`pkg/apis/autoscaling/v1/conversion.go`).

use serde_json::{Map, Value, json};

use super::metrics::{self, CURRENT, SPECIFIED};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;
use crate::api::schema;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// The annotations that are a part of the specification, and those that are one of the status.
const SPECIFICATION: [&str; 2] = [METRICS, BEHAVIOR];
const STATUS: [&str; 2] = [CURRENT_METRICS, CONDITIONS];

/// The use of CPU that is aimed at when nothing is said, in percent of what is requested.
const DEFAULT_UTILIZATION: i32 = 80;

/// The metric that an autoscaler goes by when it names none.
pub fn default_metric() -> Value {
    cpu_target(DEFAULT_UTILIZATION.into())
}

fn cpu_target(percent: Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

/// Nothing has been measured for a new one.
pub fn create(autoscaler: &mut Value) {
    let mut annotations = take_annotations(autoscaler);
    STATUS.iter().for_each(|name| drop(annotations.remove(*name)));
    put_annotations(autoscaler, annotations);
}

/// What is not written stays, also where it is an annotation.
pub fn update(autoscaler: &mut Value, old: &Value, subresource: Option<Subresource>) {
    let kept = if subresource == Some(Subresource::Status) { SPECIFICATION } else { STATUS };
    let mut annotations = take_annotations(autoscaler);
    for name in kept {
        match old.at("/metadata/annotations").and_then(|annotations| annotations.get(name)) {
            Some(text) => drop(annotations.insert(name.to_owned(), text.clone())),
            None => drop(annotations.remove(name)),
        }
    }
    put_annotations(autoscaler, annotations);
}

pub fn to_stored(autoscaler: &mut Value) {
    autoscaler["apiVersion"] = "autoscaling/v2".into();
    let mut annotations = take_annotations(autoscaler);
    let mut read = |name: &str| annotations.remove(name).and_then(|text| serde_json::from_str::<Value>(text.as_str()?).ok());
    let (specified, current, behavior, conditions) = (read(METRICS), read(CURRENT_METRICS), read(BEHAVIOR), read(CONDITIONS));
    if let Some(spec) = autoscaler.get_mut("spec").and_then(Value::as_object_mut) {
        let target = spec.remove("targetCPUUtilizationPercentage").filter(|percent| !percent.is_null());
        let others = specified.as_ref().and_then(Value::as_array).into_iter().flatten();
        let mut metrics: Vec<Value> = others.map(|metric| metrics::to_stored(metric, &SPECIFIED)).collect();
        metrics.extend(target.map(cpu_target));
        if metrics.is_empty() {
            metrics.push(default_metric());
        }
        spec.insert("metrics".into(), metrics.into());
        if let Some(behavior) = behavior.filter(Value::is_object) {
            spec.insert("behavior".into(), metrics::decapitalised(behavior));
        }
    }
    if let Some(status) = autoscaler.get_mut("status").and_then(Value::as_object_mut) {
        let percent = status.remove("currentCPUUtilizationPercentage").filter(|percent| !percent.is_null());
        if status.get("currentReplicas").is_some_and(|count| *count == 0) {
            status.remove("currentReplicas");
        }
        let told = current.as_ref().and_then(Value::as_array).filter(|metrics| !metrics.is_empty());
        let of_cpu = |percent| json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}}]);
        let metrics = told.map(|metrics| metrics.iter().map(|metric| metrics::to_stored(metric, &CURRENT)).collect());
        if let Some(metrics) = metrics.or_else(|| percent.map(of_cpu)) {
            status.insert("currentMetrics".into(), metrics);
        }
        if let Some(conditions) = conditions.filter(Value::is_array) {
            status.insert("conditions".into(), conditions);
        }
    }
    put_annotations(autoscaler, annotations);
    schema::finish("autoscaling.v2.HorizontalPodAutoscaler", autoscaler);
}

pub fn from_stored(autoscaler: &mut Value) {
    autoscaler["apiVersion"] = "autoscaling/v1".into();
    let mut annotations = take_annotations(autoscaler);
    for name in SPECIFICATION.iter().chain(&STATUS) {
        annotations.remove(*name);
    }
    if let Some(spec) = autoscaler.get_mut("spec").and_then(Value::as_object_mut) {
        let all = list(spec.remove("metrics"));
        if let Some(percent) = cpu(&all).and_then(|metric| metric.at("/resource/target/averageUtilization")) {
            spec.insert("targetCPUUtilizationPercentage".into(), percent.clone());
        }
        let others: Vec<&Value> = all.iter().filter(|metric| !is_cpu_target(metric)).collect();
        if !others.is_empty() {
            annotations.insert(METRICS.into(), metrics::text(others, &SPECIFIED).into());
        }
        if let Some(behavior) = spec.remove("behavior").filter(Value::is_object) {
            annotations.insert(BEHAVIOR.into(), metrics::behavior_text(&behavior).into());
        }
    }
    if let Some(status) = autoscaler.get_mut("status").and_then(Value::as_object_mut) {
        let all = list(status.remove("currentMetrics"));
        if let Some(percent) = cpu(&all).and_then(|metric| metric.at("/resource/current/averageUtilization")) {
            status.insert("currentCPUUtilizationPercentage".into(), percent.clone());
        }
        if !all.is_empty() {
            annotations.insert(CURRENT_METRICS.into(), metrics::text(&all, &CURRENT).into());
        }
        let conditions = list(status.remove("conditions"));
        if !conditions.is_empty() {
            annotations.insert(CONDITIONS.into(), metrics::conditions_text(&conditions).into());
        }
    }
    put_annotations(autoscaler, annotations);
    schema::finish("autoscaling.v1.HorizontalPodAutoscaler", autoscaler);
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// The first metric of CPU.
fn cpu(metrics: &[Value]) -> Option<&Value> {
    metrics.iter().find(|metric| metric.text("/type") == "Resource" && metric.text("/resource/name") == "cpu")
}

/// What v1 has a field for.
fn is_cpu_target(metric: &Value) -> bool {
    cpu(std::slice::from_ref(metric)).is_some_and(|metric| metric.is_set("/resource/target/averageUtilization"))
}

fn take_annotations(autoscaler: &mut Value) -> Map<String, Value> {
    let metadata = autoscaler.get_mut("metadata").and_then(Value::as_object_mut);
    match metadata.and_then(|metadata| metadata.remove("annotations")) {
        Some(Value::Object(annotations)) => annotations,
        _ => Map::new(),
    }
}

fn put_annotations(autoscaler: &mut Value, annotations: Map<String, Value>) {
    if !annotations.is_empty() {
        autoscaler["metadata"]["annotations"] = annotations.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_v1_cannot_say_travels_in_annotations() {
        let stored = json!({"apiVersion": "autoscaling/v2", "metadata": {"annotations": {"mine": "x"}}, "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "d"},
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
                {"type": "Pods", "pods": {"metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}}, "target": {"type": "AverageValue", "averageValue": "1"}}},
            ],
            "behavior": {"scaleDown": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}], "selectPolicy": "Max"}},
        }, "status": {"desiredReplicas": 1, "currentMetrics": null}});
        let mut shown = stored.clone();
        from_stored(&mut shown);
        assert_eq!(shown["spec"]["targetCPUUtilizationPercentage"], 50);
        let annotations = &shown["metadata"]["annotations"];
        assert_eq!(
            annotations[METRICS],
            r#"[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"1","selector":{"matchLabels":{"a":"b"}}}}]"#
        );
        assert_eq!(
            annotations[BEHAVIOR],
            r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}"#
        );
        to_stored(&mut shown);
        assert_eq!(shown["metadata"]["annotations"], json!({"mine": "x"}));
        // The metric that has a field comes last on the way back.
        let metrics = |object: &Value| object["spec"]["metrics"].as_array().unwrap().iter().rev().cloned().collect::<Vec<_>>();
        assert_eq!(metrics(&shown), *stored["spec"]["metrics"].as_array().unwrap());
        assert_eq!(shown["spec"]["behavior"], stored["spec"]["behavior"]);
    }

    #[test]
    fn an_update_in_v1_leaves_what_it_does_not_write() {
        let old = json!({"metadata": {"annotations": {METRICS: "[1]", CONDITIONS: "[2]"}}});
        let mut new = json!({"metadata": {"annotations": {"mine": "x"}}});
        update(&mut new, &old, None);
        assert_eq!(new["metadata"]["annotations"], json!({"mine": "x", CONDITIONS: "[2]"}));
        update(&mut new, &old, Some(Subresource::Status));
        assert_eq!(new["metadata"]["annotations"], json!({"mine": "x", METRICS: "[1]", CONDITIONS: "[2]"}));
    }

    #[test]
    fn an_autoscaler_without_a_target_goes_by_the_use_of_cpu() {
        let mut object = json!({"apiVersion": "autoscaling/v1", "spec": {"maxReplicas": 2}, "status": {"currentReplicas": 0}});
        to_stored(&mut object);
        assert_eq!(object["spec"]["metrics"], json!([default_metric()]));
        assert_eq!(object["status"], json!({"currentMetrics": null, "desiredReplicas": 0}));
        from_stored(&mut object);
        assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 80);
        assert_eq!(object["status"], json!({"currentReplicas": 0, "desiredReplicas": 0}));
    }
}

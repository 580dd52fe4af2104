//! Autoscalers, in the form that is kept.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, ExternalMetricSource, HPAScalingPolicy, HPAScalingRules,
    HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget, ObjectMetricSource, PodsMetricSource,
    ResourceMetricSource,
};

use super::format::{dns_label, path_segment};
use super::numbers::not_negative;
use super::object_meta::{object_meta, object_meta_update};
use super::resources::{amount, container_resource_name};
use super::words::{one_of, required};
use super::{ErrorList, NameForm, Path};

const LONGEST_PERIOD: i32 = 1800;
const LONGEST_WINDOW: i32 = 3600;
const SOURCES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const NOT_POPULATED: &str = "must populate information for the given metric source";

/// What is let be in an autoscaler that was made under other rules.
struct Leave {
    /// `minReplicas` may be 0.
    zero: bool,
    /// The target's version is not judged.
    any_version: bool,
}

pub fn autoscaler(autoscaler: &HorizontalPodAutoscaler) -> ErrorList {
    let mut errors = object_meta(&autoscaler.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    spec(autoscaler, None, &Leave { zero: false, any_version: false }, &mut errors);
    errors
}

pub fn autoscaler_update(new: &HorizontalPodAutoscaler, old: &HorizontalPodAutoscaler) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let target = |autoscaler: &'_ HorizontalPodAutoscaler| {
        autoscaler.spec.as_ref().map(|spec| (spec.scale_target_ref.api_version.clone(), spec.scale_target_ref.kind.clone()))
    };
    let zero = old.spec.as_ref().is_some_and(|spec| spec.min_replicas == Some(0));
    spec(new, old.spec.as_ref(), &Leave { zero, any_version: target(new) == target(old) }, &mut errors);
    errors
}

pub fn autoscaler_status_update(new: &HorizontalPodAutoscaler, old: &HorizontalPodAutoscaler) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let status = new.status.clone().unwrap_or_default();
    let path = Path::new("status");
    not_negative(status.current_replicas, &path.child("currentReplicas"), &mut errors);
    not_negative(Some(status.desired_replicas), &path.child("desiredReplicas"), &mut errors);
    errors
}

fn spec(autoscaler: &HorizontalPodAutoscaler, old: Option<&HorizontalPodAutoscalerSpec>, leave: &Leave, errors: &mut ErrorList) {
    let empty = HorizontalPodAutoscalerSpec::default();
    let spec = autoscaler.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    let fewest = i32::from(!leave.zero);
    if let Some(least) = spec.min_replicas.filter(|least| *least < fewest) {
        errors.invalid(&path.child("minReplicas"), least, &format!("must be greater than or equal to {fewest}"));
    }
    let at = path.child("maxReplicas");
    if spec.max_replicas < 1 {
        errors.invalid(&at, spec.max_replicas, "must be greater than 0");
    }
    if spec.min_replicas.is_some_and(|least| spec.max_replicas < least) {
        errors.invalid(&at, spec.max_replicas, "must be greater than or equal to `minReplicas`");
    }
    let of_core = spec.scale_target_ref.kind == "ReplicationController";
    reference(&spec.scale_target_ref, (!leave.any_version).then_some(of_core), &path.child("scaleTargetRef"), errors);
    let at = path.child("metrics");
    let any_version = has_wrong_version(old);
    for (index, metric) in spec.metrics.iter().flatten().enumerate() {
        metric_spec(metric, any_version, &at.index(index), errors);
    }
    let outside = |metric: &MetricSpec| matches!(metric.type_.as_str(), "Object" | "External");
    if spec.min_replicas == Some(0) && !spec.metrics.iter().flatten().any(outside) {
        errors.forbidden(&at, "must specify at least one Object or External metric to support scaling to zero replicas");
    }
    if let Some(behavior) = &spec.behavior {
        let at = path.child("behavior");
        scaling_rules(behavior.scale_up.as_ref(), &at.child("scaleUp"), errors);
        scaling_rules(behavior.scale_down.as_ref(), &at.child("scaleDown"), errors);
    }
}

/// Whether it names an object of a version that cannot be.
fn has_wrong_version(spec: Option<&HorizontalPodAutoscalerSpec>) -> bool {
    let objects = spec.into_iter().flat_map(|spec| spec.metrics.iter().flatten()).filter_map(|metric| metric.object.as_ref());
    objects.filter_map(|source| source.described_object.api_version.as_deref()).any(|version| version.matches('/').count() > 1)
}

/// `core`: whether the version may be one of the core group; `None` if it is not judged at all.
fn reference(reference: &CrossVersionObjectReference, core: Option<bool>, path: &Path, errors: &mut ErrorList) {
    for (field, text) in [("kind", &reference.kind), ("name", &reference.name)] {
        let at = path.child(field);
        required(text, &at, errors);
        errors.invalid_each(&at, text, path_segment(text));
    }
    let Some(core) = core else { return };
    let version = reference.api_version.as_deref().unwrap_or_default();
    let at = path.child("apiVersion");
    match version.matches('/').count() {
        0 if !core => errors.invalid(&at, version, "apiVersion must specify API group"),
        1 if !core && version.starts_with('/') => errors.invalid(&at, version, "apiVersion must specify API group"),
        0 | 1 => {}
        _ => errors.invalid(&at, version, &format!("unexpected GroupVersion string: {version}")),
    }
}

fn scaling_rules(rules: Option<&HPAScalingRules>, path: &Path, errors: &mut ErrorList) {
    let Some(rules) = rules else { return };
    let at = path.child("stabilizationWindowSeconds");
    if let Some(window) = rules.stabilization_window_seconds.filter(|window| *window < 0) {
        errors.invalid(&at, window, "must be greater than or equal to zero");
    }
    if let Some(window) = rules.stabilization_window_seconds.filter(|window| *window > LONGEST_WINDOW) {
        errors.invalid(&at, window, &format!("must be less than or equal to {LONGEST_WINDOW}"));
    }
    one_of(rules.select_policy.as_deref(), &["Disabled", "Max", "Min"], &path.child("selectPolicy"), errors);
    let policies = rules.policies.as_deref().unwrap_or_default();
    let at = path.child("policies");
    if policies.is_empty() {
        errors.required(&at, "must specify at least one Policy");
    }
    for (index, policy) in policies.iter().enumerate() {
        scaling_policy(policy, &at.index(index), errors);
    }
    if let Some(tolerance) = rules.tolerance.as_ref().map(amount).filter(|tolerance| tolerance.is_negative()) {
        errors.invalid(&path.child("tolerance"), &tolerance.to_string(), "must be greater than or equal to 0");
    }
}

fn scaling_policy(policy: &HPAScalingPolicy, path: &Path, errors: &mut ErrorList) {
    one_of(Some(&policy.type_), &["Percent", "Pods"], &path.child("type"), errors);
    if policy.value <= 0 {
        errors.invalid(&path.child("value"), policy.value, "must be greater than zero");
    }
    let at = path.child("periodSeconds");
    if policy.period_seconds <= 0 {
        errors.invalid(&at, policy.period_seconds, "must be greater than zero");
    }
    if policy.period_seconds > LONGEST_PERIOD {
        errors.invalid(&at, policy.period_seconds, &format!("must be less than or equal to {LONGEST_PERIOD}"));
    }
}

/// Only the first of several sources is judged itself.
fn metric_spec(metric: &MetricSpec, any_version: bool, path: &Path, errors: &mut ErrorList) {
    let at = path.child("type");
    if metric.type_.is_empty() {
        errors.required(&at, "must specify a metric source type");
    }
    one_of(Some(&metric.type_), &SOURCES, &at, errors);
    let present = [
        ("object", metric.object.is_some()),
        ("external", metric.external.is_some()),
        ("pods", metric.pods.is_some()),
        ("resource", metric.resource.is_some()),
        ("containerResource", metric.container_resource.is_some()),
    ];
    let present: Vec<&str> = present.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| field).collect();
    match present.first() {
        Some(&"object") => object_source(metric.object.as_ref(), any_version, &path.child("object"), errors),
        Some(&"external") => external_source(metric.external.as_ref(), &path.child("external"), errors),
        Some(&"pods") => pods_source(metric.pods.as_ref(), &path.child("pods"), errors),
        Some(&"resource") => resource_source(metric.resource.as_ref(), &path.child("resource"), errors),
        Some(_) => container_source(metric.container_resource.as_ref(), &path.child("containerResource"), errors),
        None => {}
    }
    let expected = match metric.type_.as_str() {
        "Object" => "object",
        "Pods" => "pods",
        "Resource" => "resource",
        "External" => "external",
        "ContainerResource" => "containerResource",
        other => {
            errors.not_supported(&at, other, &SOURCES);
            ""
        }
    };
    if !expected.is_empty() && !present.contains(&expected) {
        errors.required(&path.child(expected), NOT_POPULATED);
    }
    if present.len() != 1 {
        for field in present.into_iter().filter(|field| *field != expected) {
            errors.forbidden(&path.child(field), "must populate the given metric source only");
        }
    }
}

fn object_source(source: Option<&ObjectMetricSource>, any_version: bool, path: &Path, errors: &mut ErrorList) {
    let Some(source) = source else { return };
    reference(&source.described_object, (!any_version).then_some(true), &path.child("describedObject"), errors);
    identifier(&source.metric, &path.child("metric"), errors);
    let at = path.child("target");
    target(&source.target, &at, errors);
    if source.target.value.is_none() && source.target.average_value.is_none() {
        errors.required(&at.child("averageValue"), "must set either a target value or averageValue");
    }
}

fn external_source(source: Option<&ExternalMetricSource>, path: &Path, errors: &mut ErrorList) {
    let Some(source) = source else { return };
    identifier(&source.metric, &path.child("metric"), errors);
    let at = path.child("target");
    target(&source.target, &at, errors);
    match (&source.target.value, &source.target.average_value) {
        (None, None) => errors.required(&at.child("averageValue"), "must set either a target value for metric or a per-pod target"),
        (Some(_), Some(_)) => errors.forbidden(&at.child("value"), "may not set both a target value for metric and a per-pod target"),
        _ => {}
    }
}

fn pods_source(source: Option<&PodsMetricSource>, path: &Path, errors: &mut ErrorList) {
    let Some(source) = source else { return };
    identifier(&source.metric, &path.child("metric"), errors);
    let at = path.child("target");
    target(&source.target, &at, errors);
    if source.target.average_value.is_none() {
        errors.required(&at.child("averageValue"), "must specify a positive target averageValue");
    }
}

fn resource_source(source: Option<&ResourceMetricSource>, path: &Path, errors: &mut ErrorList) {
    let Some(source) = source else { return };
    if source.name.is_empty() {
        errors.required(&path.child("name"), "must specify a resource name");
    }
    resource_target(&source.target, &path.child("target"), errors);
}

fn container_source(source: Option<&ContainerResourceMetricSource>, path: &Path, errors: &mut ErrorList) {
    let Some(source) = source else { return };
    match source.name.as_str() {
        "" => errors.required(&path.child("name"), "must specify a resource name"),
        name => container_resource_name(name, &path.child("name"), errors),
    }
    match source.container.as_str() {
        "" => errors.required(&path.child("container"), "must specify a container"),
        name => errors.invalid_each(&path.child("container"), name, dns_label(name)),
    }
    resource_target(&source.target, &path.child("target"), errors);
}

fn resource_target(aim: &MetricTarget, path: &Path, errors: &mut ErrorList) {
    target(aim, path, errors);
    match (aim.average_utilization, &aim.average_value) {
        (None, None) => {
            errors.required(&path.child("averageUtilization"), "must set either a target raw value or a target utilization");
        }
        (Some(_), Some(_)) => {
            errors.forbidden(&path.child("averageValue"), "may not set both a target raw value and a target utilization");
        }
        _ => {}
    }
}

fn target(aim: &MetricTarget, path: &Path, errors: &mut ErrorList) {
    let at = path.child("type");
    if aim.type_.is_empty() {
        errors.required(&at, "must specify a metric target type");
    }
    if !matches!(aim.type_.as_str(), "Utilization" | "Value" | "AverageValue") {
        errors.invalid(&at, &aim.type_, "must be either Utilization, Value, or AverageValue");
    }
    for (field, value) in [("value", &aim.value), ("averageValue", &aim.average_value)] {
        if let Some(value) = value.as_ref().map(amount).filter(|value| value.is_zero() || value.is_negative()) {
            errors.invalid(&path.child(field), &value.to_string(), "must be positive");
        }
    }
    if let Some(percent) = aim.average_utilization.filter(|percent| *percent < 1) {
        errors.invalid(&path.child("averageUtilization"), percent, "must be greater than 0");
    }
}

fn identifier(metric: &MetricIdentifier, path: &Path, errors: &mut ErrorList) {
    match metric.name.as_str() {
        "" => errors.required(&path.child("name"), "must specify a metric name"),
        name => errors.invalid_each(&path.child("name"), name, path_segment(name)),
    }
}

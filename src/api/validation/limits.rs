//! Limit ranges and resource quotas.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::json;

use super::format::qualified_name;
use super::object_meta::{object_meta, object_meta_update};
use super::resources::{amount, may_overcommit, quota_resource_name, resource_amount, resource_name};
use super::{ErrorList, IMMUTABLE, NameForm, Path};
use crate::api::quantity::Quantity;

const LIMIT_TYPES: [&str; 3] = ["Pod", "Container", "PersistentVolumeClaim"];
const SCOPES: [&str; 7] =
    ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity", "VolumeAttributesClass"];
/// Scopes that hold or do not hold, without a value.
const PLAIN_SCOPES: [&str; 5] = ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity"];
const POD_RESOURCES: [&str; 9] = [
    "pods",
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
    "requests.ephemeral-storage",
    "limits.ephemeral-storage",
];

pub fn limit_range(range: &LimitRange) -> ErrorList {
    let mut errors = object_meta(&range.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    let path = Path::new("spec");
    let path = path.child("limits");
    let limits = range.spec.as_ref().map_or(&[][..], |spec| &spec.limits);
    for (index, item) in limits.iter().enumerate() {
        let at = path.index(index);
        let wrong = qualified_name(&item.type_);
        if wrong.is_empty() && !item.type_.contains('/') && !LIMIT_TYPES.contains(&item.type_.as_str()) {
            errors.invalid(&at.child("type"), &item.type_, "must be a standard limit type or fully qualified");
        }
        errors.invalid_each(&at.child("type"), &item.type_, wrong);
        if limits[..index].iter().any(|other| other.type_ == item.type_) {
            errors.duplicate(&at.child("type"), &item.type_);
        }
        limit_item(item, &at, &mut errors);
    }
    errors
}

pub fn limit_range_update(new: &LimitRange, old: &LimitRange) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(limit_range(new));
    errors
}

fn limit_item(item: &LimitRangeItem, path: &Path, errors: &mut ErrorList) {
    let fields = [
        ("max", &item.max),
        ("min", &item.min),
        ("default", &item.default),
        ("defaultRequest", &item.default_request),
        ("maxLimitRequestRatio", &item.max_limit_request_ratio),
    ];
    let mut names = BTreeSet::new();
    for (field, amounts) in fields {
        let amounts = amounts.iter().flatten();
        if item.type_ == "Pod" && field.starts_with("default") {
            if amounts.count() > 0 {
                errors.forbidden(&path.child(field), "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for (name, _) in amounts {
            resource_name(name, &path.child(field).key(name), errors);
            names.insert(name.as_str());
        }
    }
    let has_storage = |amounts: &Option<BTreeMap<String, Text>>| amounts.as_ref().is_some_and(|amounts| amounts.contains_key("storage"));
    if item.type_ == "PersistentVolumeClaim" && !has_storage(&item.min) && !has_storage(&item.max) {
        errors.required(&path.child("limits"), "either minimum or maximum storage value is required, but neither was provided");
    }
    for name in names {
        bounds(item, name, path, errors);
    }
}

/// The bounds of one resource, each against the others.
fn bounds(item: &LimitRangeItem, name: &str, path: &Path, errors: &mut ErrorList) {
    let of = |amounts: &Option<BTreeMap<String, Text>>| amounts.as_ref().and_then(|amounts| amounts.get(name)).map(amount);
    let (min, max, limit, request) = (of(&item.min), of(&item.max), of(&item.default), of(&item.default_request));
    let mut ordered =
        |low: Option<Quantity>, high: Option<Quantity>, field: &str, shown: Option<Quantity>, low_name: &str, high_name: &str| {
            if let (Some(low), Some(high), Some(shown)) = (low, high, shown)
                && low > high
            {
                let why = format!("{low_name} value {low} is greater than {high_name} value {high}");
                errors.invalid(&path.child(field).key(name), &shown.to_string(), &why);
            }
        };
    ordered(min, max, "min", min, "min", "max");
    ordered(min, request, "defaultRequest", request, "min", "default request");
    ordered(request, max, "defaultRequest", request, "default request", "max");
    ordered(request, limit, "defaultRequest", request, "default request", "default limit");
    ordered(min, limit, "default", min, "min", "default");
    ordered(limit, max, "default", max, "default", "max");
    if let Some(ratio) = of(&item.max_limit_request_ratio) {
        let at = path.child("maxLimitRequestRatio");
        if ratio < Quantity::from_value(1, ratio.format()) {
            errors.invalid(&at.key(name), &ratio.to_string(), &format!("ratio {ratio} is less than 1"));
        }
        if let (Some(min), Some(max)) = (min, max)
            && min.milli_value() > 0
            && ratio.milli_value() as f64 / 1000.0 > max.milli_value() as f64 / min.milli_value() as f64
        {
            let most = max.milli_value() as f64 / min.milli_value() as f64;
            errors.invalid(&at.key(name), &ratio.to_string(), &format!("ratio {ratio} is greater than max/min = {most:.6}"));
        }
    }
    if let (Some(limit), Some(request)) = (limit, request)
        && !may_overcommit(name)
        && limit != request
    {
        let why = format!("default value {limit} must equal to defaultRequest value {request} in {name}");
        errors.invalid(&path.child("defaultRequest").key(name), &request.to_string(), &why);
    }
}

pub fn resource_quota(quota: &ResourceQuota) -> ErrorList {
    let mut errors = object_meta(&quota.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    quota_spec(quota, &mut errors);
    errors
}

/// What a quota counts may change, not whom it counts.
pub fn resource_quota_update(new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    quota_spec(new, &mut errors);
    let scopes = |quota: &ResourceQuota| quota.spec.as_ref().and_then(|spec| spec.scopes.clone()).unwrap_or_default();
    let as_set = |scopes: &[String]| scopes.iter().cloned().collect::<BTreeSet<_>>();
    let (new, old) = (scopes(new), scopes(old));
    if as_set(&new) != as_set(&old) {
        errors.invalid(&Path::new("spec").child("scopes"), json!(new), IMMUTABLE);
    }
    errors
}

/// What the quota controller has counted.
pub fn resource_quota_status_update(new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let path = Path::new("status");
    let status = new.status.clone().unwrap_or_default();
    for (field, amounts) in [("hard", &status.hard), ("used", &status.used)] {
        quota_amounts(amounts.as_ref(), &path.child(field), &mut errors);
    }
    errors
}

fn quota_amounts(amounts: Option<&BTreeMap<String, Text>>, path: &Path, errors: &mut ErrorList) {
    for (name, text) in amounts.into_iter().flatten() {
        quota_resource_name(name, &path.key(name), errors);
        resource_amount(name, &amount(text), &path.key(name), errors);
    }
}

fn quota_spec(quota: &ResourceQuota, errors: &mut ErrorList) {
    let Some(spec) = &quota.spec else { return };
    let path = Path::new("spec");
    quota_amounts(spec.hard.as_ref(), &path.child("hard"), errors);
    let scopes = spec.scopes.as_deref().unwrap_or_default();
    let at = path.child("scopes");
    for scope in scopes {
        if !SCOPES.contains(&scope.as_str()) {
            errors.invalid(&at, json!(scopes), "unsupported scope");
        }
        for _ in out_of_scope(spec, scope) {
            errors.invalid(&at, json!(scopes), "unsupported scope applied to resource");
        }
    }
    for pair in [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] {
        if pair.iter().all(|one| scopes.iter().any(|scope| scope == one)) {
            errors.invalid(&at, json!(scopes), "conflicting scopes");
        }
    }
    let expressions = spec.scope_selector.iter().flat_map(|selector| selector.match_expressions.iter().flatten());
    for expression in expressions {
        let at = path.child("scopeSelector");
        scope_expression(expression, spec, &at.child("matchExpressions"), errors);
    }
}

/// The resources of a quota that are not counted by pods of a scope.
fn out_of_scope<'a>(spec: &'a ResourceQuotaSpec, scope: &str) -> impl Iterator<Item = &'a String> {
    let counted: &[&str] = match scope {
        "BestEffort" => &["pods"],
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => &POD_RESOURCES,
        _ => &[],
    };
    let is_bound = !counted.is_empty();
    spec.hard.iter().flat_map(|hard| hard.keys()).filter(move |name| is_bound && !name.contains('/') && !counted.contains(&name.as_str()))
}

fn scope_expression(expression: &ScopedResourceSelectorRequirement, spec: &ResourceQuotaSpec, path: &Path, errors: &mut ErrorList) {
    let (scope, operator) = (expression.scope_name.as_str(), expression.operator.as_str());
    let values = expression.values.as_deref().unwrap_or_default();
    if !SCOPES.contains(&scope) {
        errors.invalid(&path.child("scopeName"), scope, "unsupported scope");
    }
    for _ in out_of_scope(spec, scope) {
        errors.invalid(path, json!(spec.scope_selector), "unsupported scope applied to resource");
    }
    if PLAIN_SCOPES.contains(&scope) && operator != "Exists" {
        let why = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, \
                   ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
        errors.invalid(&path.child("operator"), operator, why);
    }
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&path.child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.invalid(&path.child("values"), json!(values), why);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
}

//! Definitions of custom resources, as JSON.
//!
//! Upstream judges its internal version, in which what all versions have in common stands beside them: the errors say so
//! (`spec.validation`, `spec.subresources`, …).

mod conversion;
mod default;
mod field_path;
mod names;
mod rule;
mod schema;
mod spec;
mod structural;
mod value;
mod version;
mod warning;

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::format::dns_subdomain;
use super::object_meta::{named_object_meta, object_meta_update};
use super::{ErrorList, IMMUTABLE, Path};
use crate::api::kinds::fields::Fields;
pub use warning::warnings;

const APPROVAL: &str = "api-approved.kubernetes.io";
const APPROVAL_HELP: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

pub fn definition(definition: &Value) -> ErrorList {
    let wanted = format!("{}.{}", definition.text("/spec/names/plural"), definition.text("/spec/group"));
    let named = |name: &str| {
        let mut wrong = dns_subdomain(name);
        if name != wanted {
            wrong.push("must be spec.names.plural+\".\"+spec.group".to_owned());
        }
        wrong
    };
    let mut errors = named_object_meta(&metadata(definition), false, named, &Path::new("metadata"));
    spec::spec(&definition["spec"], &Path::new("spec"), &mut errors);
    rest(definition, None, &mut errors);
    errors
}

pub fn definition_update(new: &Value, old: &Value) -> ErrorList {
    let mut errors = object_meta_update(&metadata(new), &metadata(old), &Path::new("metadata"));
    let path = Path::new("spec");
    spec::spec(&new["spec"], &path, &mut errors);
    let mut immutable = |pointer: &str, path: &Path| {
        if new.text(pointer) != old.text(pointer) {
            errors.invalid(path, new.text(pointer), IMMUTABLE);
        }
    };
    let names = path.child("names");
    if is_established(old) {
        immutable("/spec/scope", &path.child("scope"));
        immutable("/spec/names/kind", &names.child("kind"));
    }
    immutable("/spec/group", &path.child("group"));
    immutable("/spec/names/plural", &names.child("plural"));
    rest(new, Some(old), &mut errors);
    errors
}

pub fn definition_status_update(new: &Value, old: &Value) -> ErrorList {
    let mut errors = object_meta_update(&metadata(new), &metadata(old), &Path::new("metadata"));
    names::names(&new["status"]["acceptedNames"], &Path::new("status").child("acceptedNames"), &mut errors);
    errors
}

fn metadata(definition: &Value) -> ObjectMeta {
    ObjectMeta::deserialize(&definition["metadata"]).unwrap_or_default()
}

/// Its resources are served.
fn is_established(definition: &Value) -> bool {
    let conditions = definition.list("/status/conditions").iter();
    conditions.clone().any(|condition| condition.text("/type") == "Established" && condition.text("/status") == "True")
}

/// What is judged of new and of changed definitions alike, after their specs.
fn rest(definition: &Value, old: Option<&Value>, errors: &mut ErrorList) {
    let path = Path::new("status");
    names::names(&definition["status"]["acceptedNames"], &path.child("acceptedNames"), errors);
    stored_versions(definition, &path.child("storedVersions"), errors);
    approval(definition, old, errors);
    let preserves = |definition: &Value| definition.flag("/spec/preserveUnknownFields");
    if preserves(definition) && !old.is_some_and(preserves) {
        let path = Path::new("spec");
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.invalid(&path.child("preserveUnknownFields"), true, why);
    }
}

/// A version in which objects may be stored stays until none are.
fn stored_versions(definition: &Value, path: &Path, errors: &mut ErrorList) {
    let stored = definition.list("/status/storedVersions");
    if stored.is_empty() {
        return errors.invalid(path, Value::Null, "must have at least one stored version");
    }
    let versions = definition.list("/spec/versions");
    for version in versions.iter().filter(|version| version.flag("/storage") && !stored.contains(&version["name"])) {
        errors.invalid(path, json!(stored), &format!("must have the storage version {}", version.text("/name")));
    }
    let known: BTreeSet<&str> = versions.iter().map(|version| version.text("/name")).collect();
    for (index, name) in stored.iter().filter_map(Value::as_str).enumerate().filter(|(_, name)| !known.contains(name)) {
        let why = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage \
             migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
        );
        errors.invalid(&path.index(index), name, &why);
    }
}

/// Kubernetes' own groups are for what its community has approved (KEP-1111).
fn approval(definition: &Value, old: Option<&Value>, errors: &mut ErrorList) {
    let group = definition.text("/spec/group");
    let is_protected = ["k8s.io", "kubernetes.io"].iter().any(|own| group == *own || group.ends_with(&format!(".{own}")));
    let state = |definition: &Value| match annotation(definition) {
        "" => 0,
        text if text.starts_with("unapproved") => 1,
        text if is_url(text) => 2,
        _ => 3,
    };
    if !is_protected || old.is_some_and(|old| state(old) == state(definition)) {
        return;
    }
    let path = Path::new("metadata");
    let path = path.child("annotations");
    let path = path.key(APPROVAL);
    match state(definition) {
        0 => errors.required(&path, &format!("protected groups must have approval annotation {APPROVAL:?}, {APPROVAL_HELP}")),
        3 => {
            let form = r#"with either a URL or a reason starting with "unapproved""#;
            let why = format!("protected groups must have approval annotation {APPROVAL:?} {form}, {APPROVAL_HELP}");
            errors.invalid(&path, annotation(definition), &why);
        }
        _ => {}
    }
}

fn annotation(definition: &Value) -> &str {
    definition["metadata"]["annotations"].get(APPROVAL).and_then(Value::as_str).unwrap_or_default()
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.split('/').next().unwrap_or_default().is_empty())
}

/// A field that is set.
fn set<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

/// The entries of a field that holds an object.
fn entries<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(field).and_then(Value::as_object).into_iter().flatten()
}

/// The items of a field that holds a list.
fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn flag(object: &Value, field: &str) -> bool {
    object.get(field).and_then(Value::as_bool).unwrap_or_default()
}

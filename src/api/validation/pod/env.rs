//! The environment of a container.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector};

use crate::api::validation::format::{config_key, env_name, qualified_name};
use crate::api::validation::words::required;
use crate::api::validation::{ErrorList, Path, file_path};

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
pub const FILE_FIELDS: [&str; 5] = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/// Besides those, the fields of a pod that the downward API knows at all.
const OTHER_FIELDS: [&str; 5] = ["metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"];
const RESOURCE_FIELDS: [&str; 6] =
    ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const SIZES: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";

pub fn env(variables: &[EnvVar], path: &Path, errors: &mut ErrorList) {
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        match variable.name.as_str() {
            "" => errors.required(&path.child("name"), ""),
            name => errors.invalid_each(&path.child("name"), name, env_name(name)),
        }
        if let Some(source) = &variable.value_from {
            let has_value = variable.value.as_deref().is_some_and(|value| !value.is_empty());
            value_from(source, has_value, &path.child("valueFrom"), errors);
        }
    }
}

fn value_from(source: &EnvVarSource, has_value: bool, path: &Path, errors: &mut ErrorList) {
    if let Some(field) = &source.field_ref {
        object_field(field, &ENV_FIELDS, &path.child("fieldRef"), errors);
    }
    if let Some(field) = &source.resource_field_ref {
        resource_field(field, false, &path.child("resourceFieldRef"), errors);
    }
    if let Some(key) = &source.config_map_key_ref {
        key_of(&key.name, &key.key, &path.child("configMapKeyRef"), errors);
    }
    if let Some(key) = &source.secret_key_ref {
        key_of(&key.name, &key.key, &path.child("secretKeyRef"), errors);
    }
    if let Some(file) = &source.file_key_ref {
        let path = path.child("fileKeyRef");
        required(&file.volume_name, &path.child("volumeName"), errors);
        required(&file.path, &path.child("path"), errors);
        file_path::not_reserved(&file.path, &path.child("path"), errors);
        required(&file.key, &path.child("key"), errors);
    }
    let sources = [
        source.field_ref.is_some(),
        source.resource_field_ref.is_some(),
        source.config_map_key_ref.is_some(),
        source.secret_key_ref.is_some(),
        source.file_key_ref.is_some(),
    ];
    match sources.into_iter().filter(|is_set| *is_set).count() {
        0 => errors.invalid(
            path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ),
        _ if has_value => errors.invalid(path, "", "may not be specified when `value` is not empty"),
        1 => {}
        _ => errors.invalid(path, "", "may not have more than one field specified at a time"),
    }
}

/// One key of a ConfigMap or Secret.
fn key_of(name: &str, key: &str, path: &Path, errors: &mut ErrorList) {
    required(name, &path.child("name"), errors);
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), key, config_key(key));
    }
}

/// A field of the pod, by the downward API.
pub fn object_field(field: &ObjectFieldSelector, allowed: &[&str], path: &Path, errors: &mut ErrorList) {
    let version = field.api_version.as_deref().unwrap_or_default();
    if version.is_empty() {
        return errors.required(&path.child("apiVersion"), "");
    }
    let name = field.field_path.as_str();
    let path_of_field = path.child("fieldPath");
    if name.is_empty() {
        return errors.required(&path_of_field, "");
    }
    let subscript = name.strip_suffix("']").and_then(|name| name.split_once("['"));
    let why = match subscript {
        _ if version != "v1" => Some(format!("unsupported pod version: {version}")),
        Some(("metadata.labels" | "metadata.annotations", _)) => None,
        Some(_) => Some(format!("field label does not support subscript: {name}")),
        None if ENV_FIELDS.contains(&name) || OTHER_FIELDS.contains(&name) => None,
        None => Some(format!("field label not supported: {name}")),
    };
    match (why, subscript) {
        (Some(why), _) => errors.invalid(&path_of_field, name, &format!("error converting fieldPath: {why}")),
        (None, Some(("metadata.annotations", key))) => errors.invalid_each(path, key, qualified_name(&key.to_lowercase())),
        (None, Some((_, key))) => errors.invalid_each(path, key, qualified_name(key)),
        (None, None) if !allowed.contains(&name) => errors.not_supported(&path_of_field, name, allowed),
        (None, None) => {}
    }
}

/// A container's resource; in a volume the container must be named.
pub fn resource_field(field: &ResourceFieldSelector, in_volume: bool, path: &Path, errors: &mut ErrorList) {
    let resource = field.resource.as_str();
    let is_huge_page = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if in_volume && field.container_name.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !RESOURCE_FIELDS.contains(&resource) && !is_huge_page {
        errors.not_supported(&path.child("resource"), resource, &RESOURCE_FIELDS);
    }
    let divisor = field.divisor.as_ref().map_or("0", |divisor| divisor.0.as_str());
    let (known, of) = match resource {
        "limits.cpu" | "requests.cpu" => ("1m and 1", "cpu resource"),
        "limits.memory" | "requests.memory" => (SIZES, "memory resource"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (SIZES, "local ephemeral storage resource"),
        _ if is_huge_page => (SIZES, "hugepages resource"),
        _ => return,
    };
    let is_known = known.split([',', ' ']).any(|one| one == divisor);
    if !matches!(divisor, "" | "0") && !is_known {
        errors.invalid(&path.child("divisor"), resource, &format!("only divisor's values {known} are supported with the {of}"));
    }
}

pub fn env_from(sources: &[EnvFromSource], path: &Path, errors: &mut ErrorList) {
    for (index, source) in sources.iter().enumerate() {
        let at = path.index(index);
        if let Some(prefix) = source.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            errors.invalid_each(&at.child("prefix"), prefix, env_name(prefix));
        }
        if let Some(reference) = &source.config_map_ref {
            required(&reference.name, &at.child("configMapRef").child("name"), errors);
        }
        if let Some(reference) = &source.secret_ref {
            required(&reference.name, &at.child("secretRef").child("name"), errors);
        }
        match (&source.config_map_ref, &source.secret_ref) {
            (None, None) => errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
            (Some(_), Some(_)) => errors.invalid(path, "", "may not have more than one field specified at a time"),
            _ => {}
        }
    }
}

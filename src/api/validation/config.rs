//! ConfigMaps, Secrets and ServiceAccounts.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use serde_json::Value;

use super::format::config_key;
use super::object_meta::{object_meta, object_meta_update};
use super::{ErrorList, NameForm, Path};

/// The data of one object: 1 MiB.
const DATA_LENGTH: usize = 1024 * 1024;
const IMMUTABLE_WHEN_SET: &str = "field is immutable when `immutable` is set";

pub fn config_map(map: &ConfigMap) -> ErrorList {
    let mut errors = object_meta(&map.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    let mut length = 0;
    let path = Path::new("data");
    for (key, value) in map.data.iter().flatten() {
        errors.invalid_each(&path.key(key), key, config_key(key));
        if map.binary_data.as_ref().is_some_and(|data| data.contains_key(key)) {
            errors.invalid(&path.key(key), key, "duplicate of key present in binaryData");
        }
        length += value.len();
    }
    for (key, value) in map.binary_data.iter().flatten() {
        errors.invalid_each(&Path::new("binaryData").key(key), key, config_key(key));
        length += value.0.len();
    }
    if length > DATA_LENGTH {
        // Upstream reports it on a field without a name.
        errors.too_long(&Path::ROOT.key(""), DATA_LENGTH);
    }
    errors
}

pub fn config_map_update(new: &ConfigMap, old: &ConfigMap) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    if old.immutable == Some(true) {
        if new.immutable != Some(true) {
            errors.forbidden(&Path::new("immutable"), IMMUTABLE_WHEN_SET);
        }
        if !same(&new.data, &old.data) {
            errors.forbidden(&Path::new("data"), IMMUTABLE_WHEN_SET);
        }
        if !same(&new.binary_data, &old.binary_data) {
            errors.forbidden(&Path::new("binaryData"), IMMUTABLE_WHEN_SET);
        }
    }
    errors.extend(config_map(new));
    errors
}

/// Absent is empty.
fn same<V: PartialEq>(a: &Option<BTreeMap<String, V>>, b: &Option<BTreeMap<String, V>>) -> bool {
    let filled = |map: &'_ Option<BTreeMap<String, V>>| map.as_ref().is_some_and(|map| !map.is_empty());
    if filled(a) || filled(b) { a == b } else { true }
}

pub fn secret(secret: &Secret) -> ErrorList {
    let mut errors = object_meta(&secret.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    let path = Path::new("data");
    let empty = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&empty);
    for key in data.keys() {
        errors.invalid_each(&path.key(key), key, config_key(key));
    }
    if data.values().map(|value| value.0.len()).sum::<usize>() > DATA_LENGTH {
        errors.too_long(&path, DATA_LENGTH);
    }
    let mut needs = |keys: &[&str]| {
        for key in keys.iter().filter(|key| !data.contains_key(**key)) {
            errors.required(&path.key(key), "");
        }
    };
    match secret.type_.as_deref().unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            let annotation = "kubernetes.io/service-account.name";
            let named = secret
                .metadata
                .annotations
                .as_ref()
                .and_then(|annotations| annotations.get(annotation))
                .is_some_and(|name| !name.is_empty());
            if !named {
                let path = Path::new("metadata");
                errors.required(&path.child("annotations").key(annotation), "");
            }
        }
        "kubernetes.io/dockercfg" => json_of(data, ".dockercfg", &path, &mut errors),
        "kubernetes.io/dockerconfigjson" => json_of(data, ".dockerconfigjson", &path, &mut errors),
        // One of the two is enough.
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => needs(&["username", "password"]),
        "kubernetes.io/ssh-auth" if data.get("ssh-privatekey").is_none_or(|key| key.0.is_empty()) => {
            errors.required(&path.key("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => needs(&["tls.crt", "tls.key"]),
        _ => {}
    }
    errors
}

/// Upstream does not repeat what the file holds.
fn json_of(data: &BTreeMap<String, ByteString>, key: &str, path: &Path, errors: &mut ErrorList) {
    match data.get(key) {
        None => errors.required(&path.key(key), ""),
        Some(bytes) => {
            if let Err(error) = serde_json::from_slice::<Value>(&bytes.0) {
                errors.invalid(&path.key(key), "<secret contents redacted>", &json_error(&bytes.0, &error));
            }
        }
    }
}

/// The reason in the words of Go's decoder, as far as they are the same for all texts.
fn json_error(bytes: &[u8], error: &serde_json::Error) -> String {
    let at = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    match at {
        Some(at) if error.is_syntax() => format!("invalid character '{}' looking for beginning of value", char::from(bytes[at])),
        _ => "unexpected end of JSON input".to_owned(),
    }
}

pub fn secret_update(new: &Secret, old: &Secret) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.immutable(&Path::new("type"), &new.type_, &old.type_, &new.type_);
    if old.immutable == Some(true) {
        if new.immutable != Some(true) {
            errors.forbidden(&Path::new("immutable"), IMMUTABLE_WHEN_SET);
        }
        if !same(&new.data, &old.data) {
            errors.forbidden(&Path::new("data"), IMMUTABLE_WHEN_SET);
        }
    }
    errors.extend(secret(new));
    errors
}

pub fn service_account(account: &ServiceAccount) -> ErrorList {
    object_meta(&account.metadata, true, NameForm::Subdomain, &Path::new("metadata"))
}

pub fn service_account_update(new: &ServiceAccount, old: &ServiceAccount) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(service_account(new));
    errors
}

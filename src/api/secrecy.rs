//! What of an object or a request may be kept where secrets have no place: all but the values of secrets.
//!
//! The keys of a secret's data stay, so that what refers to them still finds them, and an empty value stands at each; where a secret's type
//! asks for more than that (`core/validation`, `ValidateSecret`), the least that it takes.

use serde_json::{Map, Value};

use super::client::Patch;
use super::verbs::{Change, Mutation};

/// The collection of secrets in the store.
const COLLECTION: &str = "secrets";
const KIND: &str = "Secret";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Never kept: who has one is the account.
const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
/// `{}` in base64.
const EMPTY_OBJECT: &str = "e30=";
/// What a JSON patch of a secret may say in clear.
const PLAIN: [&str; 5] = ["/type", "/immutable", "/metadata/name", "/metadata/namespace", "/metadata/labels"];

/// The bytes of a stored object as they may be kept; `None` if that is all of them. Even where secrets are kept, the tokens of service
/// accounts are not.
pub fn redacted(collection: &str, bytes: &[u8], keeps_secrets: bool) -> Option<Vec<u8>> {
    if collection != COLLECTION {
        return None;
    }
    // What cannot be read is kept from sight whole.
    let mut object: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| Value::Object(Map::new()));
    if keeps_secrets && object["type"] != TOKEN_TYPE {
        return None;
    }
    redact_secret(&mut object);
    serde_json::to_vec(&object).ok()
}

/// Takes out of a request what may not be kept.
pub fn redact(mutation: &mut Mutation, keeps_secrets: bool) {
    if mutation.kind != KIND {
        return;
    }
    match &mut mutation.change {
        Change::Create { body, .. } | Change::Update { body, .. } | Change::Order { body, .. } => {
            if !keeps_secrets || body["type"] == TOKEN_TYPE {
                redact_secret(body);
            }
        }
        Change::Patch { patch, .. } if !keeps_secrets => redact_patch(patch),
        Change::Patch { .. } | Change::Delete { .. } | Change::DeleteCollection { .. } => {}
    }
}

fn redact_patch(patch: &mut Patch) {
    match patch {
        Patch::Merge(body) | Patch::Strategic(body) | Patch::Apply(body) => redact_secret(body),
        Patch::Json(Value::Array(steps)) => {
            for step in steps {
                let path = step["path"].as_str().unwrap_or_default();
                let is_plain = PLAIN.iter().any(|plain| path == *plain || path.starts_with(&format!("{plain}/")));
                if let Some(value) = step.get_mut("value").filter(|_| !is_plain) {
                    empty(value);
                }
            }
        }
        Patch::Json(other) => *other = Value::Null,
    }
}

/// Empties the data of a secret, or of what changes one.
fn redact_secret(secret: &mut Value) {
    let kind = secret["type"].as_str().unwrap_or_default().to_owned();
    let Value::Object(fields) = secret else { return };
    for (name, field) in fields.iter_mut() {
        match name.as_str() {
            "data" | "stringData" => {
                empty(field);
                suffice(field, &kind, name == "data");
            }
            "metadata" => redact_last_applied(field),
            _ => {}
        }
    }
}

/// What was applied last stands in an annotation, as JSON within a string.
fn redact_last_applied(metadata: &mut Value) {
    let Some(Value::String(applied)) = metadata.pointer_mut("/annotations").and_then(|all| all.get_mut(LAST_APPLIED)) else { return };
    let mut secret = serde_json::from_str(applied).unwrap_or(Value::Null);
    redact_secret(&mut secret);
    *applied = if secret.is_object() { secret.to_string() + "\n" } else { String::new() };
}

/// Leaves nothing of any text but that it was there.
fn empty(value: &mut Value) {
    match value {
        Value::String(text) => text.clear(),
        Value::Array(items) => items.iter_mut().for_each(empty),
        Value::Object(fields) => fields.values_mut().for_each(empty),
        Value::Number(_) | Value::Bool(_) => *value = Value::String(String::new()),
        Value::Null => {}
    }
}

/// The least that a secret of its type has to have.
fn suffice(data: &mut Value, kind: &str, is_encoded: bool) {
    let (key, least) = match kind {
        "kubernetes.io/dockerconfigjson" => (".dockerconfigjson", if is_encoded { EMPTY_OBJECT } else { "{}" }),
        "kubernetes.io/dockercfg" => (".dockercfg", if is_encoded { EMPTY_OBJECT } else { "{}" }),
        "kubernetes.io/ssh-auth" => ("ssh-privatekey", if is_encoded { "Kg==" } else { "*" }),
        _ => return,
    };
    if let Some(value) = data.get_mut(key).filter(|value| value.is_string()) {
        *value = least.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::client::WriteOptions;

    /// "hunter2" in base64.
    const DATA: &str = "aHVudGVyMg==";
    const PLAIN: &str = "hunter2";

    fn secret() -> Value {
        let applied = json!({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": PLAIN}}).to_string();
        json!({
            "kind": "Secret",
            "metadata": {"name": "s", "labels": {"app": "web"}, "annotations": {LAST_APPLIED: applied, "note": "kept"}},
            "data": {"password": DATA},
            "stringData": {"other": PLAIN},
            "type": "Opaque",
        })
    }

    fn leaks(text: &str) -> bool {
        text.contains(DATA) || text.contains(PLAIN)
    }

    fn redacted_change(change: Change, keeps: bool) -> Value {
        let (api_version, kind) = ("v1".to_owned(), "Secret".to_owned());
        let mut mutation = Mutation { api_version, kind, namespace: "n".into(), name: "s".into(), subresource: String::new(), change };
        redact(&mut mutation, keeps);
        json!(mutation)
    }

    #[test]
    fn no_value_of_a_secret_is_left_and_its_keys_are() {
        let bytes = redacted("secrets", &serde_json::to_vec(&secret()).unwrap(), false).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(!leaks(&text) && text.contains("password") && text.contains("kept") && text.contains("\"app\":\"web\""), "{text}");
        assert_eq!(redacted("configmaps", b"{}", false), None);
        assert_eq!(redacted("secrets", &serde_json::to_vec(&secret()).unwrap(), true), None);
    }

    #[test]
    fn no_request_that_writes_a_secret_leaks_it() {
        let options = WriteOptions::default();
        let applied = json!({"data": {"password": DATA}}).to_string();
        let steps = json!([
            {"op": "add", "path": "/data/password", "value": DATA},
            {"op": "replace", "path": "/data", "value": {"password": DATA}},
            {"op": "add", "path": "", "value": secret()},
            {"op": "add", "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", "value": applied},
            {"op": "add", "path": "/metadata/labels/app", "value": "web"},
        ]);
        let changes = [
            Change::Create { body: secret(), options: options.clone() },
            Change::Update { body: secret(), options: options.clone() },
            Change::Patch { patch: Patch::Merge(secret()), options: options.clone() },
            Change::Patch { patch: Patch::Strategic(secret()), options: options.clone() },
            Change::Patch { patch: Patch::Apply(secret()), options: options.clone() },
            Change::Patch { patch: Patch::Json(steps), options },
        ];
        for change in changes {
            let text = redacted_change(change.clone(), false).to_string();
            assert!(!leaks(&text) && text.contains("web"), "{text}");
            assert!(leaks(&redacted_change(change, true).to_string()));
        }
    }

    #[test]
    fn a_deletion_of_a_key_stays_one() {
        let patch = Patch::Merge(json!({"data": {"old": null, "new": DATA}}));
        let change = redacted_change(Change::Patch { patch, options: WriteOptions::default() }, false);
        assert_eq!(change["change"]["patch"]["patch"]["merge"]["data"], json!({"old": null, "new": ""}));
    }

    #[test]
    fn tokens_are_never_kept_and_types_get_the_least_they_take() {
        let token = json!({"type": TOKEN_TYPE, "data": {"token": DATA, "ca.crt": "x"}});
        let bytes = redacted("secrets", &serde_json::to_vec(&token).unwrap(), true).unwrap();
        assert!(!leaks(&String::from_utf8(bytes).unwrap()));
        let pull = json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": DATA}});
        let bytes = redacted("secrets", &serde_json::to_vec(&pull).unwrap(), false).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap()["data"], json!({".dockerconfigjson": EMPTY_OBJECT}));
    }
}

//! The paths of a kind and what may be done there.

use serde_json::{Map, Value, json};

use super::{Edition, schemas};
use crate::api::kinds::Kind;

const READ: [&str; 2] = ["pretty", "resourceVersion"];
const LIST: [&str; 8] =
    ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "watch"];
const WRITE: [&str; 3] = ["dryRun", "fieldManager", "fieldValidation"];
const PATCH: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];
/// The forms in which a change is taken; by them clients see whether they may send a strategic merge patch.
const PATCHES: [&str; 3] = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"];
/// Those for what a definition declares: nothing is known of it by which lists could be merged.
const CUSTOM_PATCHES: [&str; 2] = ["application/json-patch+json", "application/merge-patch+json"];
const DELETE: [&str; 4] = ["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"];

/// Where a version is served: `api/v1`, `apis/apps/v1`.
pub(super) fn root(kind: &Kind) -> String {
    if kind.group().is_empty() { format!("api/{}", kind.version()) } else { format!("apis/{}/{}", kind.group(), kind.version()) }
}

/// The paths of a kind and of its subresources.
pub(super) fn of(edition: Edition, kind: &Kind) -> Vec<(String, Value)> {
    let base = format!("/{}", root(kind));
    let plural = kind.plural();
    let collection = if kind.is_namespaced() { format!("{base}/namespaces/{{namespace}}/{plural}") } else { format!("{base}/{plural}") };
    let object = format!("{collection}/{{name}}");
    let operations = |list: &[(&str, &str, &[&str])]| -> Value {
        list.iter()
            .filter(|(_, action, _)| kind.verbs().contains(&verb(action)))
            .map(|(method, action, parameters)| ((*method).to_owned(), operation(edition, kind, action, parameters)))
            .collect::<Map<_, _>>()
            .into()
    };
    let mut paths = vec![
        (collection, operations(&[("get", "list", &LIST), ("post", "post", &WRITE), ("delete", "deletecollection", &DELETE)])),
        (
            object.clone(),
            operations(&[("get", "get", &READ), ("put", "put", &WRITE), ("patch", "patch", &PATCH), ("delete", "delete", &DELETE)]),
        ),
    ];
    if kind.is_namespaced() {
        paths.push((format!("{base}/{plural}"), operations(&[("get", "list", &LIST)])));
    }
    for subresource in &kind.subresources {
        let path = format!("{object}/{}", subresource.name());
        paths.push((path, operations(&[("get", "get", &READ), ("put", "put", &WRITE), ("patch", "patch", &PATCH)])));
    }
    paths
}

/// An action by the name that discovery has for it.
fn verb(action: &str) -> &str {
    match action {
        "post" => "create",
        "put" => "update",
        other => other,
    }
}

fn operation(edition: Edition, kind: &Kind, action: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<Value> = parameters.iter().map(|name| parameter(edition, name)).collect();
    let schema = json!({"$ref": schemas::of_kind(edition, kind)});
    let answer = match edition {
        Edition::V2 => json!({"description": "OK", "schema": schema}),
        Edition::V3 => json!({"description": "OK", "content": {"application/json": {"schema": schema}}}),
    };
    let mut operation = json!({
        "parameters": parameters,
        "responses": {"200": answer},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group(), "version": kind.version(), "kind": kind.kind()},
    });
    match action {
        "post" | "put" => accept(edition, &mut operation, &["*/*"], &schema),
        "patch" if kind.custom.is_some() => accept(edition, &mut operation, &CUSTOM_PATCHES, &json!({"type": "object"})),
        "patch" => accept(edition, &mut operation, &PATCHES, &json!({"type": "object"})),
        _ => {}
    }
    operation
}

/// What the body of a request is.
fn accept(edition: Edition, operation: &mut Value, types: &[&str], schema: &Value) {
    match edition {
        Edition::V2 => {
            operation["consumes"] = json!(types);
            let body = json!({"name": "body", "in": "body", "required": true, "schema": schema});
            operation["parameters"].as_array_mut().expect("made as a list").push(body);
        }
        Edition::V3 => {
            let content: Map<String, Value> = types.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect();
            operation["requestBody"] = json!({"required": true, "content": content});
        }
    }
}

fn parameter(edition: Edition, name: &str) -> Value {
    let shape = match name {
        "force" | "watch" | "orphanDependents" => "boolean",
        "limit" | "timeoutSeconds" | "gracePeriodSeconds" => "integer",
        _ => "string",
    };
    match edition {
        Edition::V2 => json!({"name": name, "in": "query", "uniqueItems": true, "type": shape}),
        Edition::V3 => json!({"name": name, "in": "query", "schema": {"uniqueItems": true, "type": shape}}),
    }
}

//! The schemas of what definitions declare (upstream: the builder of its API extensions server).

use serde_json::{Map, Value, json};

use super::{Edition, gnostic, schemas};
use crate::api::custom::Instances;
use crate::api::kinds::Kind;

const METADATA: &str = "apis.meta.v1.ObjectMeta";
/// Types of the facts that every such schema refers to.
pub(super) const REFERRED: [&str; 2] = [METADATA, "apis.meta.v1.ListMeta"];

/// The group backwards, the version and the kind: `com.example.stable.v1.CronTab`.
pub(super) fn full_name(kind: &Kind) -> String {
    let group: Vec<&str> = kind.group().rsplit('.').collect();
    format!("{}.{}.{}", group.join("."), kind.version(), kind.kind())
}

/// The schema of a kind and of its list, by their full names.
pub(super) fn schemas(edition: Edition, kind: &Kind, instances: &Instances) -> [(String, Value); 2] {
    let mut schema = instances.declared();
    if !schema.is_object() || schema["x-kubernetes-preserve-unknown-fields"] == true && edition == Edition::V2 {
        schema = json!({"type": "object"});
    }
    if edition == Edition::V2 {
        simplify(&mut schema);
    }
    if schema["x-kubernetes-preserve-unknown-fields"] != true || edition == Edition::V3 {
        head(edition, &mut schema);
    }
    let name = |kind_name: &str| json!([{"group": kind.group(), "version": kind.version(), "kind": kind_name}]);
    schema["x-kubernetes-group-version-kind"] = name(kind.kind());
    let full = full_name(kind);
    let list_name = format!("{}{}", &full[..full.len() - kind.kind().len()], kind.list_kind);
    let mut list = json!({
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": {"$ref": schemas::place(edition, &full)}}},
        "x-kubernetes-group-version-kind": name(&kind.list_kind),
    });
    list["properties"]["metadata"] = refer(edition, REFERRED[1]);
    for field in ["apiVersion", "kind"] {
        list["properties"][field] = json!({"type": "string"});
    }
    [(full, schema), (list_name, list)]
}

/// What every object says, whatever its definition does.
fn head(edition: Edition, schema: &mut Value) {
    if !schema["properties"].is_object() {
        schema["properties"] = Value::Object(Map::new());
    }
    for field in ["apiVersion", "kind"] {
        schema["properties"][field] = json!({"type": "string"});
    }
    schema["properties"]["metadata"] = refer(edition, METADATA);
}

fn refer(edition: Edition, name: &str) -> Value {
    let reference = json!({"$ref": schemas::reference(edition, name)});
    if edition == Edition::V3 { json!({ "allOf": [reference] }) } else { reference }
}

/// OpenAPI v2 has no words for alternatives and nulls; what may be anything else than its schema says loses that schema.
fn simplify(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    for field in ["oneOf", "anyOf", "allOf", "not", "$ref"] {
        fields.remove(field);
    }
    let is_nullable = fields.remove("nullable") == Some(Value::Bool(true));
    fields.retain(|word, value| gnostic::knows(word) && (word != "additionalProperties" || value.is_object()));
    if is_nullable {
        for field in ["type", "items", "properties"] {
            fields.remove(field);
        }
    }
    if fields.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
        for field in ["items", "properties"] {
            fields.remove(field);
        }
    }
    if fields.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        fields.remove("type");
    }
    for field in ["items", "additionalProperties"] {
        fields.get_mut(field).into_iter().for_each(simplify);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(simplify);
    }
}

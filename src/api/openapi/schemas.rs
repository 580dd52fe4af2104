//! The types of the facts as schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Edition, declared};
use crate::api::kinds::{Kind, KindRef};
use crate::api::schema::{Facts, Field, ListType, Schema, Shape, Type};

/// The schemas of some kinds and of all types that these refer to, by their full names.
pub(super) fn reachable(edition: Edition, kinds: &[&KindRef]) -> Map<String, Value> {
    let facts = Facts::get();
    let mut waiting: Vec<&Type> = Vec::new();
    let mut known = BTreeSet::new();
    let mut schemas = Map::new();
    for kind in kinds {
        match &kind.schema {
            Schema::Known(name) => waiting.extend(facts.named(name)),
            Schema::Custom(instances) => {
                waiting.extend(declared::REFERRED.iter().filter_map(|name| facts.named(name)));
                schemas.extend(declared::schemas(edition, kind, instances));
            }
        }
    }
    while let Some(next) = waiting.pop() {
        if !known.insert(next.name) {
            continue;
        }
        schemas.insert(full_name(next.name), of_type(edition, next));
        waiting.extend(next.fields.iter().filter_map(|field| facts.of(innermost(&field.shape))));
    }
    schemas
}

/// Where the schema of a kind stands.
pub(super) fn of_kind(edition: Edition, kind: &Kind) -> String {
    match &kind.schema {
        Schema::Known(name) => reference(edition, name),
        Schema::Custom(_) => place(edition, &declared::full_name(kind)),
    }
}

/// Where the schema of a type of the facts stands.
pub(super) fn reference(edition: Edition, name: &str) -> String {
    place(edition, &full_name(name))
}

pub(super) fn place(edition: Edition, full_name: &str) -> String {
    match edition {
        Edition::V2 => format!("#/definitions/{full_name}"),
        Edition::V3 => format!("#/components/schemas/{full_name}"),
    }
}

fn full_name(name: &str) -> String {
    let package = match name.split('.').next().unwrap_or_default() {
        "apiextensions-apiserver" => "io.k8s.",
        "apis" if name.starts_with("apis.apiregistration.") => "io.k8s.kube-aggregator.pkg.",
        "apis" | "api" | "util" | "runtime" | "version" => "io.k8s.apimachinery.pkg.",
        _ => "io.k8s.api.",
    };
    format!("{package}{name}")
}

fn innermost(shape: &Shape) -> &Shape {
    match shape {
        Shape::List(item) | Shape::Map(item) => innermost(item),
        other => other,
    }
}

fn of_type(edition: Edition, known: &Type) -> Value {
    let properties: Map<String, Value> = known.fields.iter().map(|field| (field.name.to_owned(), of_field(edition, field))).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !known.required.is_empty() {
        schema["required"] = json!(known.required);
    }
    if known.is_atomic {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    if !known.kinds.is_empty() {
        let name = |[group, version, kind]: &[&str; 3]| json!({"group": group, "version": version, "kind": kind});
        schema["x-kubernetes-group-version-kind"] = known.kinds.iter().map(name).collect();
    }
    schema
}

fn of_field(edition: Edition, field: &Field) -> Value {
    let mut schema = of_shape(edition, &field.shape);
    if let Some(default) = field.default.as_ref().filter(|_| edition == Edition::V3) {
        if schema.get("$ref").is_some() {
            schema = json!({"allOf": [schema]});
        }
        schema["default"] = default.clone();
    }
    if !field.values.is_empty() {
        schema["enum"] = json!(field.values);
    }
    if let Some(list_type) = field.list_type {
        schema["x-kubernetes-list-type"] = match list_type {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        }
        .into();
    }
    if !field.list_map_keys.is_empty() {
        schema["x-kubernetes-list-map-keys"] = json!(field.list_map_keys);
    }
    if field.is_atomic_map {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    let strategies = [(field.merges, "merge"), (field.replaces, "replace"), (field.retains_keys, "retainKeys")];
    let strategies: Vec<&str> = strategies.into_iter().filter_map(|(applies, name)| applies.then_some(name)).collect();
    if !strategies.is_empty() {
        schema["x-kubernetes-patch-strategy"] = strategies.join(",").into();
    }
    if let Some(key) = field.merge_key {
        schema["x-kubernetes-patch-merge-key"] = key.into();
    }
    schema
}

fn of_shape(edition: Edition, shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Int32 => json!({"type": "integer", "format": "int32"}),
        Shape::Int64 => json!({"type": "integer", "format": "int64"}),
        Shape::Double => json!({"type": "number", "format": "double"}),
        Shape::Time | Shape::MicroTime => json!({"type": "string", "format": "date-time"}),
        Shape::Quantity { .. } if edition == Edition::V3 => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Shape::Quantity { .. } => json!({"type": "string"}),
        Shape::IntOrString if edition == Edition::V3 => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Shape::IntOrString => json!({"type": "string", "format": "int-or-string"}),
        // Not empty: clients take an empty schema for none.
        Shape::Raw => json!({"description": "Any JSON."}),
        Shape::List(item) => json!({"type": "array", "items": of_shape(edition, item)}),
        Shape::Map(item) => json!({"type": "object", "additionalProperties": of_shape(edition, item)}),
        Shape::Struct(_) => {
            let name = Facts::get().of(shape).map_or("", |known| known.name);
            json!({"$ref": reference(edition, name)})
        }
    }
}

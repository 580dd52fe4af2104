//! Whole objects within an object (`x-kubernetes-embedded-resource`): their heads, as upstream's `structural-schema/objectmeta` has it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::schema::Structural;
use crate::api::schema;
use crate::api::validation::format::path_segment;
use crate::api::validation::object_meta::named_object_meta;
use crate::api::validation::{ErrorList, Path};

/// The type of an object's metadata in the facts.
const METADATA: &str = "apis.meta.v1.ObjectMeta";

/// Makes the metadata of an object, and of all objects within it, what they can be; gives the paths of what is not known of.
///
/// # Errors
/// Metadata that cannot be read.
pub fn settle(object: &mut Value, schema: &Structural) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    look(object, schema, true, &Path::ROOT, &mut unknown)?;
    Ok(unknown)
}

fn look(value: &mut Value, schema: &Structural, is_object: bool, path: &Path, unknown: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            if is_object && let Some(metadata) = fields.get_mut("metadata") {
                let at = path.child("metadata").to_string();
                let (read, strange, fault) = schema::part(METADATA, &at, metadata);
                if let Some(fault) = fault {
                    return Err(format!("{at}: Invalid value: {metadata}: {fault}"));
                }
                unknown.extend(strange);
                *metadata = read;
            }
            for (name, field) in fields.iter_mut().filter(|(name, _)| !is_object || *name != "metadata") {
                if let Some(of_field) = schema.field(name) {
                    look(field, of_field, of_field.is_embedded, &path.child(name), unknown)?;
                }
            }
        }
        Value::Array(items) => {
            let Some(of_items) = &schema.items else { return Ok(()) };
            for (index, item) in items.iter_mut().enumerate() {
                look(item, of_items, of_items.is_embedded, &path.index(index), unknown)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What is wrong with the heads of objects within an object.
pub fn judge(value: &Value, schema: &Structural, path: &Path, errors: &mut ErrorList) {
    match value {
        Value::Object(fields) => {
            if schema.is_embedded {
                head(fields, path, errors);
            }
            for (name, field) in fields {
                if let Some(of_field) = schema.properties.get(name.as_str()) {
                    judge(field, of_field, &path.child(name), errors);
                } else if let Some(of_values) = schema.field(name) {
                    judge(field, of_values, &path.key(name), errors);
                }
            }
        }
        Value::Array(items) => {
            let Some(of_items) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                judge(item, of_items, &path.index(index), errors);
            }
        }
        _ => {}
    }
}

fn head(fields: &Map<String, Value>, path: &Path, errors: &mut ErrorList) {
    for name in ["apiVersion", "kind"] {
        let at = path.child(name);
        match fields.get(name) {
            None => errors.required(&at, ""),
            Some(Value::String(text)) if text.is_empty() => errors.invalid(&at, text, "must not be empty"),
            Some(Value::String(text)) if name == "apiVersion" && text.matches('/').count() > 1 => {
                errors.invalid(&at, text, &format!("unexpected GroupVersion string: {text}"));
            }
            Some(Value::String(_)) => {}
            Some(other) => errors.invalid(&at, other.clone(), "must be a string"),
        }
    }
    let Some(metadata) = fields.get("metadata") else { return };
    match ObjectMeta::deserialize(metadata) {
        Ok(mut meta) => {
            if meta.name.as_deref().unwrap_or_default().is_empty() {
                meta.name = Some("fakename".to_owned());
            }
            let namespaced = meta.namespace.as_ref().is_some_and(|namespace| !namespace.is_empty());
            errors.extend(named_object_meta(&meta, namespaced, path_segment, &path.child("metadata")));
        }
        Err(why) => errors.invalid(&path.child("metadata"), metadata.clone(), &why.to_string()),
    }
}

//! Objects as `meta.k8s.io/v1` shows them: as rows of a `Table`, or by their metadata alone.

use serde_json::{Map, Value, json};

use super::kinds::{Column, Kind};

/// How much of an object goes along with its row (`includeObject`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

impl IncludeObject {
    /// # Errors
    /// Another word than upstream knows; the text is the message of the answer.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "None" => Ok(Self::None),
            "" | "Metadata" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            _ => Err(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {word:?}: must be 'Metadata', 'Object', 'None', or empty"
            )),
        }
    }
}

/// A `Table` of some objects. `metadata` is the list's, or says the resource version of the one object. A watch shows the columns only with
/// its first event (`with_columns`).
pub fn table<'a>(
    kind: &Kind,
    version: &str,
    metadata: Value,
    objects: impl IntoIterator<Item = &'a Value>,
    include: IncludeObject,
    with_columns: bool,
) -> Value {
    let declared = || kind.columns.iter().filter(|column| !column.name.is_empty());
    let columns: Value = if with_columns { declared().map(definition).collect() } else { Value::Null };
    let rows: Vec<_> = objects.into_iter().map(|object| row(kind, version, object, include)).collect();
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// The columns that say `description` upstream repeat the schema's; it is left empty here.
fn definition(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": "",
        "priority": column.priority,
    })
}

fn row(kind: &Kind, version: &str, object: &Value, include: IncludeObject) -> Value {
    let stored = kind.view.as_ref().filter(|_| kind.custom.is_none()).map(|view| {
        let mut stored = object.clone();
        (view.to_stored)(&mut stored);
        stored
    });
    let shown = stored.as_ref().unwrap_or(object);
    let cells: Vec<_> = kind.columns.iter().map(|column| column.value(shown)).collect();
    let included = match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => partial(version, object),
        IncludeObject::Object => object.clone(),
    };
    let mut row = json!({ "cells": cells, "object": included });
    if let Some(conditions) = (kind.row_conditions)(shown) {
        row["conditions"] = conditions;
    }
    row
}

/// A `PartialObjectMetadata`.
pub fn partial(version: &str, object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| Map::new().into()),
    })
}

/// A `PartialObjectMetadataList` with the metadata of the list.
pub fn partial_list<'a>(version: &str, metadata: Value, objects: impl IntoIterator<Item = &'a Value>) -> Value {
    let items: Vec<_> = objects.into_iter().map(|object| partial(version, object)).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": metadata,
        "items": items,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kinds::Registry;

    #[test]
    fn a_table_has_a_row_for_each_object_with_as_much_of_it_as_was_asked_for() {
        let kind = Registry::built_in().resource("", "v1", "secrets").unwrap();
        let secret = json!({"kind": "Secret", "metadata": {"name": "a"}, "type": "Opaque"});
        for (include, object) in [
            (IncludeObject::None, Value::Null),
            (IncludeObject::Metadata, json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}})),
            (IncludeObject::Object, secret.clone()),
        ] {
            let table = table(kind, "v1", json!({}), [&secret], include, false);
            assert_eq!(table["rows"], json!([{"cells": ["a", "Opaque", 0, "<unknown>"], "object": object}]));
            assert_eq!(table["columnDefinitions"], Value::Null);
        }
    }

    #[test]
    fn every_column_of_every_kind_shows_something_of_an_empty_object() {
        for kind in Registry::built_in().all() {
            let table = table(kind, "v1", json!({}), [&json!({})], IncludeObject::None, true);
            assert_eq!(table["rows"][0]["cells"].as_array().unwrap().len(), kind.columns.len());
            assert!(table["columnDefinitions"].as_array().unwrap().len() <= kind.columns.len());
        }
    }

    #[test]
    fn an_unknown_include_object_is_refused() {
        assert!(IncludeObject::parse("Nope").unwrap_err().ends_with("must be 'Metadata', 'Object', 'None', or empty"));
    }
}

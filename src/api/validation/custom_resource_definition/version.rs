//! One version, and what may stand beside all of them as well.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::format::dns_1035_label;
use super::super::words::required;
use super::super::{ErrorList, Path};
use super::field_path::{Arrays, field_path};
use super::{flag, schema, set, text};

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const SELECTABLE: [&str; 3] = ["string", "boolean", "integer"];
const MOST_SELECTABLE: usize = 8;
const WARNING_LENGTH: usize = 256;

/// A version and what it shares with no other.
pub struct Own<'a> {
    pub version: &'a Value,
    pub schema: Option<&'a Value>,
    pub subresources: Option<&'a Value>,
    pub columns: Option<&'a Value>,
    pub selectable: Option<&'a Value>,
}

pub fn version(own: &Own, has_status: bool, path: &Path, errors: &mut ErrorList) {
    let name = text(own.version, "name");
    let wrong = dns_1035_label(name);
    if !wrong.is_empty() {
        errors.invalid(&path.child("name"), name, &wrong.join(","));
    }
    deprecation(own.version, &path.child("deprecationWarning"), errors);
    if let Some(validation) = own.schema {
        schema::validation(validation, has_status, &path.child("schema"), errors);
    }
    if let Some(own) = own.subresources {
        subresources(own, &path.child("subresources"), errors);
    }
    if let Some(own) = own.columns {
        columns(own, &path.child("additionalPrinterColumns"), errors);
    }
    if let Some(fields) = own.selectable {
        let at = path.child("selectableFields");
        match set(own.version, "schema").and_then(|validation| set(validation, "openAPIV3Schema")) {
            None => {
                errors.invalid(&at, "", "selectableFields may only be set when version.schema.openAPIV3Schema is not included");
            }
            Some(schema) => selectable_fields(fields, schema, &at, errors),
        }
    }
}

fn deprecation(version: &Value, path: &Path, errors: &mut ErrorList) {
    let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) else { return };
    if !flag(version, "deprecated") {
        return errors.invalid(path, warning, "can only be set for deprecated versions");
    }
    if warning.len() > WARNING_LENGTH {
        errors.invalid(path, warning, &format!("must be <= {WARNING_LENGTH} characters long"));
    }
    if warning.is_empty() {
        errors.invalid(path, warning, "must not be an empty string");
    }
    let unprintable = |character: char| character.is_control() || character.is_whitespace() && character != ' ';
    if let Some((index, _)) = warning.char_indices().find(|(_, character)| unprintable(*character)) {
        let why = format!("must only contain printable UTF-8 characters; non-printable character found at index {index}");
        errors.invalid(path, warning, &why);
    }
}

pub fn subresources(subresources: &Value, path: &Path, errors: &mut ErrorList) {
    let Some(scale) = set(subresources, "scale") else { return };
    let at = |field: &str| format!("scale.{field}");
    for (field, parent) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
        let (pointer, name) = (text(scale, field), at(field));
        let place = path.child(&name);
        if pointer.is_empty() {
            errors.required(&place, "");
        } else if simple_path(pointer, &place, errors) && !pointer.starts_with(parent) {
            let why = format!("should be a json path under {}", parent.trim_end_matches('.'));
            errors.invalid(&place, pointer, &why);
        }
    }
    let (selector, name) = (text(scale, "labelSelectorPath"), at("labelSelectorPath"));
    let place = path.child(&name);
    if !selector.is_empty() && simple_path(selector, &place, errors) && !selector.starts_with(".spec.") && !selector.starts_with(".status.")
    {
        errors.invalid(&place, selector, "should be a json path under either .spec or .status");
    }
}

/// Whether a path begins as it should.
fn simple_path(text: &str, path: &Path, errors: &mut ErrorList) -> bool {
    let is_simple = text.starts_with('.');
    if !is_simple {
        errors.invalid(path, text, "must be a simple json path starting with .");
    }
    is_simple
}

pub fn columns(columns: &Value, path: &Path, errors: &mut ErrorList) {
    for (index, column) in columns.as_array().into_iter().flatten().enumerate() {
        let at = path.index(index);
        required(text(column, "name"), &at.child("name"), errors);
        let one_of = |words: &[&str]| format!("must be one of {}", words.join(","));
        match text(column, "type") {
            "" => errors.required(&at.child("type"), &one_of(&COLUMN_TYPES)),
            kind if !COLUMN_TYPES.contains(&kind) => errors.invalid(&at.child("type"), kind, &one_of(&COLUMN_TYPES)),
            _ => {}
        }
        let format = text(column, "format");
        if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
            errors.invalid(&at.child("format"), format, &one_of(&COLUMN_FORMATS));
        }
        match text(column, "jsonPath") {
            "" => errors.required(&at.child("JSONPath"), ""),
            pointer => drop(simple_path(pointer, &at.child("JSONPath"), errors)),
        }
    }
}

/// Fields of scalars, by which objects are selected (KEP-4358).
pub fn selectable_fields(fields: &Value, schema: &Value, path: &Path, errors: &mut ErrorList) {
    let mut seen = BTreeSet::new();
    for (index, field) in fields.as_array().into_iter().flatten().enumerate() {
        let at = path.index(index);
        let at = at.child("jsonPath");
        let pointer = text(field, "jsonPath");
        if pointer.is_empty() {
            errors.required(&at, "");
            continue;
        }
        let (steps, found) = match field_path(pointer, schema, Arrays::Refused) {
            Ok(found) => found,
            Err(why) => {
                errors.invalid(&at, pointer, &format!("is an invalid path: {why}"));
                continue;
            }
        };
        if steps.first().is_some_and(|step| step == "metadata") {
            errors.invalid(&at, pointer, "must not point to fields in metadata");
        }
        if !SELECTABLE.contains(&text(found, "type")) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.invalid(&at, pointer, why);
        }
        if !seen.insert(steps) {
            errors.duplicate(&at, pointer);
        }
    }
    if seen.len() > MOST_SELECTABLE {
        errors.too_many(path, seen.len(), MOST_SELECTABLE);
    }
}

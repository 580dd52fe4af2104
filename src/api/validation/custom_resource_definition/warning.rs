//! What is allowed in a definition but probably not meant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{items, schema, set, text};

/// The formats of values that are known, without dashes.
const FORMATS: &str = "bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor \
                       rgbcolor byte password date duration datetime k8sshortname k8slongname int32 int64 float double";

pub fn warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    let before: BTreeSet<String> = old.map(unknown_formats).unwrap_or_default().into_iter().collect();
    unknown_formats(new)
        .into_iter()
        .filter(|format| !before.contains(format))
        .map(|format| format!("unrecognized format {format:?}"))
        .collect()
}

fn unknown_formats(definition: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for version in items(&definition["spec"], "versions") {
        if let Some(schema) = set(version, "schema").and_then(|validation| set(validation, "openAPIV3Schema")) {
            schema::visit(schema, &mut |schema| {
                let format = text(schema, "format");
                if !format.is_empty() && !is_known(format) {
                    found.push(format.to_owned());
                }
            });
        }
    }
    found
}

fn is_known(format: &str) -> bool {
    let format = format.replace('-', "");
    FORMATS.split_whitespace().any(|known| known == format)
}

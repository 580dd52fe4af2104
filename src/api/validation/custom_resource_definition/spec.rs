//! The spec of a definition.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::format::{dns_1035_label, dns_subdomain};
use super::super::words::{required, required_one_of};
use super::super::{ErrorList, Path, internal};
use super::{conversion, flag, items, names, schema, set, text, version};

/// What all versions have in common, which upstream moves beside them.
pub struct Shared<'a> {
    pub schema: Option<&'a Value>,
    pub subresources: Option<&'a Value>,
    pub columns: Option<&'a Value>,
    pub selectable: Option<&'a Value>,
    /// The schemas are the same, or there is none.
    pub has_one_schema: bool,
    has_one_set_of_subresources: bool,
}

impl<'a> Shared<'a> {
    fn of(versions: &'a [Value]) -> Self {
        let same = |field: &str| versions.windows(2).all(|pair| set(&pair[0], field) == set(&pair[1], field));
        let first = |field: &str| versions.first().and_then(|version| set(version, field)).filter(|_| same(field));
        let has_one_schema = same("schema");
        Self {
            schema: first("schema"),
            subresources: first("subresources"),
            columns: first("additionalPrinterColumns"),
            selectable: first("selectableFields").filter(|_| has_one_schema),
            has_one_schema,
            has_one_set_of_subresources: same("subresources"),
        }
    }

    /// A version without what it shares.
    pub fn own<'v>(&self, version: &'v Value) -> version::Own<'v> {
        let own = |field: &str, shared: bool| set(version, field).filter(|_| !shared);
        version::Own {
            version,
            schema: own("schema", self.has_one_schema),
            subresources: own("subresources", self.has_one_set_of_subresources),
            columns: own("additionalPrinterColumns", self.columns.is_some()),
            selectable: own("selectableFields", self.selectable.is_some()),
        }
    }
}

pub fn spec(spec: &Value, path: &Path, errors: &mut ErrorList) {
    let versions = items(spec, "versions");
    let shared = Shared::of(versions);
    group(text(spec, "group"), &path.child("group"), errors);
    required_one_of(Some(text(spec, "scope")), &["Cluster", "Namespaced"], &path.child("scope"), errors);
    let at = path.child("versions");
    if shared.schema.and_then(|shared| set(shared, "openAPIV3Schema")).is_none() {
        for (index, one) in versions.iter().enumerate() {
            if set(one, "schema").and_then(|schema| set(schema, "openAPIV3Schema")).is_none() {
                errors.required(&at.index(index).child("schema").child("openAPIV3Schema"), "");
            }
        }
    }
    let preserves = flag(spec, "preserveUnknownFields");
    if preserves && versions.iter().any(|version| set(version, "schema").is_some_and(schema::has_default)) {
        errors.invalid(&path.child("preserveUnknownFields"), true, "must be false in order to use defaults in the schema");
    }
    for (index, one) in versions.iter().enumerate() {
        version::version(&shared.own(one), has_status(set(one, "subresources")), &at.index(index), errors);
    }
    of_all_versions(versions, path, errors);
    all_names(&spec["names"], &path.child("names"), errors);
    beside_versions(&shared, versions, path, errors);
    let Some(conversion) = set(spec, "conversion") else { return };
    let at = path.child("conversion");
    if preserves && text(conversion, "strategy") != "None" {
        errors.invalid(&at.child("strategy"), text(conversion, "strategy"), "must be None if spec.preserveUnknownFields is true");
    }
    conversion::conversion(conversion, &at, errors);
}

fn group(group: &str, path: &Path, errors: &mut ErrorList) {
    let wrong = dns_subdomain(group);
    if group.is_empty() {
        errors.required(path, "");
    } else if !wrong.is_empty() {
        errors.invalid(path, group, &wrong.join(","));
    } else if !group.contains('.') {
        errors.invalid(path, group, "should be a domain with at least one dot");
    }
}

fn of_all_versions(versions: &[Value], path: &Path, errors: &mut ErrorList) {
    let at = path.child("versions");
    let unique: BTreeSet<&str> = versions.iter().map(|version| text(version, "name")).collect();
    if unique.len() != versions.len() {
        errors.invalid(&at, internal(&versions), "must contain unique version names");
    }
    if versions.iter().filter(|version| flag(version, "storage")).count() != 1 {
        errors.invalid(&at, internal(&versions), "must have exactly one version marked as storage version");
    }
    let first = versions.first().map(|version| text(version, "name")).unwrap_or_default();
    let wrong = dns_1035_label(first);
    if !first.is_empty() && !wrong.is_empty() {
        errors.invalid(&path.child("version"), first, &wrong.join(","));
    }
}

fn all_names(all: &Value, path: &Path, errors: &mut ErrorList) {
    for field in ["plural", "singular", "kind", "listKind"] {
        required(text(all, field), &path.child(field), errors);
    }
    names::names(all, path, errors);
}

fn beside_versions(shared: &Shared, versions: &[Value], path: &Path, errors: &mut ErrorList) {
    if let Some(validation) = shared.schema {
        let any_status = versions.iter().any(|version| has_status(set(version, "subresources")));
        schema::validation(validation, any_status, &path.child("validation"), errors);
    }
    if let Some(subresources) = shared.subresources {
        version::subresources(subresources, &path.child("subresources"), errors);
    }
    if let Some(columns) = shared.columns {
        version::columns(columns, &path.child("additionalPrinterColumns"), errors);
    }
    if let Some(fields) = shared.selectable {
        let at = path.child("selectableFields");
        match shared.schema.and_then(|validation| set(validation, "openAPIV3Schema")) {
            None => errors.invalid(&at, "", "selectableFields may only be set when validations.schema is included"),
            Some(schema) => version::selectable_fields(fields, schema, &at, errors),
        }
    }
}

fn has_status(subresources: Option<&Value>) -> bool {
    subresources.is_some_and(|subresources| set(subresources, "status").is_some())
}

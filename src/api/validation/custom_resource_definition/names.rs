//! The names of a resource.

use serde_json::Value;

use super::super::format::dns_1035_label;
use super::super::{ErrorList, Path};
use super::{items, text};

pub fn names(names: &Value, path: &Path, errors: &mut ErrorList) {
    for field in ["plural", "singular"] {
        label(text(names, field), &path.child(field), errors);
    }
    for field in ["kind", "listKind"] {
        let name = text(names, field);
        let wrong = dns_1035_label(&name.to_lowercase());
        if !name.is_empty() && !wrong.is_empty() {
            let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
            errors.invalid(&path.child(field), name, &why);
        }
    }
    each(names, "shortNames", path, errors);
    let kind = text(names, "kind");
    if !kind.is_empty() && kind == text(names, "listKind") {
        errors.invalid(&path.child("listKind"), kind, "kind and listKind may not be the same");
    }
    each(names, "categories", path, errors);
}

fn each(names: &Value, field: &str, path: &Path, errors: &mut ErrorList) {
    let at = path.child(field);
    for (index, name) in items(names, field).iter().filter_map(Value::as_str).enumerate() {
        let wrong = dns_1035_label(name);
        if !wrong.is_empty() {
            errors.invalid(&at.index(index), name, &wrong.join(","));
        }
    }
}

/// A label, if it is there.
pub fn label(name: &str, path: &Path, errors: &mut ErrorList) {
    let wrong = dns_1035_label(name);
    if !name.is_empty() && !wrong.is_empty() {
        errors.invalid(path, name, &wrong.join(","));
    }
}

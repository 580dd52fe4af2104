//! Paths of files that are named within a volume or on a host.

use super::{ErrorList, Path};

/// It must not climb.
pub fn without_backsteps(target: &str, path: &Path, errors: &mut ErrorList) {
    if target.split('/').any(|step| step == "..") {
        errors.invalid(path, target, "must not contain '..'");
    }
}

/// It must stay within the directory that it starts from.
pub fn descending(target: &str, path: &Path, errors: &mut ErrorList) {
    if target.starts_with('/') {
        errors.invalid(path, target, "must be a relative path");
    }
    without_backsteps(target, path, errors);
}

/// It must also leave alone the names that volumes keep for themselves.
pub fn not_reserved(target: &str, path: &Path, errors: &mut ErrorList) {
    descending(target, path, errors);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.invalid(path, target, "must not start with '..'");
    }
}

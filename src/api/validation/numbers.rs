//! Numbers that must lie within bounds.

use super::{ErrorList, Path};

/// A count or a duration.
pub fn not_negative(value: Option<impl Into<i64>>, path: &Path, errors: &mut ErrorList) {
    if let Some(value) = value.map(Into::into).filter(|value| *value < 0) {
        errors.invalid(path, value, "must be greater than or equal to 0");
    }
}

pub fn positive(value: Option<impl Into<i64>>, path: &Path, errors: &mut ErrorList) {
    if let Some(value) = value.map(Into::into).filter(|value| *value <= 0) {
        errors.invalid(path, value, "must be greater than 0");
    }
}

/// The permissions of a file.
pub fn file_mode(mode: Option<i32>, path: &Path, errors: &mut ErrorList) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

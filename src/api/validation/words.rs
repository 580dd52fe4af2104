//! Fields that take one of a few words, and fields that must be set.

use super::{ErrorList, Path};

/// A word that may be left out, but must be one of those if it is there.
pub fn one_of(word: Option<&str>, known: &[&str], path: &Path, errors: &mut ErrorList) {
    if let Some(word) = word.filter(|word| !known.contains(word)) {
        errors.not_supported(path, word, known);
    }
}

/// A word that must be there and be one of those.
pub fn required_one_of(word: Option<&str>, known: &[&str], path: &Path, errors: &mut ErrorList) {
    match word.unwrap_or_default() {
        "" => errors.required(path, ""),
        word => one_of(Some(word), known, path, errors),
    }
}

/// A text that must not be empty.
pub fn required(text: &str, path: &Path, errors: &mut ErrorList) {
    if text.is_empty() {
        errors.required(path, "");
    }
}

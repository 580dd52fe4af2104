//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::IdentityError;

/// Makes a directory, and those above it, that only its owner may enter.
pub fn create_directory(path: &Path) -> Result<(), IdentityError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| IdentityError::File { path: path.to_owned(), source })
}

/// The text of a file, if there is one.
pub fn read(path: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::File { path: path.to_owned(), source }),
    }
}

/// Replaces a file (mode 0600) in one step: a reader sees the old text or the new one, also after a crash.
pub fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    replace(path, text).map_err(|source| IdentityError::File { path: path.to_owned(), source })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let mut options = OpenOptions::new();
    let _ = fs::remove_file(&draft);
    let mut file = options.write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

/// The text of a file, which is made first if it is missing.
pub fn read_or_create(path: &Path, make: impl FnOnce() -> Result<String, IdentityError>) -> Result<String, IdentityError> {
    if let Some(text) = read(path)? {
        return Ok(text);
    }
    let text = make()?;
    write(path, &text)?;
    Ok(text)
}

//! The name of the cluster that a data directory holds.

use std::path::Path;

use super::Failure;
use crate::runtime::entropy::Entropy;

const FILE: &str = "cluster";

/// The name by which a cluster's containers, links and rules are told from those of others on this machine. Given once, then kept in the
/// data directory.
pub fn name(directory: &Path) -> Result<String, Failure> {
    if let Some(name) = existing(directory)? {
        return Ok(name);
    }
    let file = directory.join(FILE);
    let name = Entropy::from_system().suffix(8);
    std::fs::write(&file, &name).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(name)
}

/// The name, if the directory holds a cluster.
pub fn existing(directory: &Path) -> Result<Option<String>, Failure> {
    let file = directory.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display()).into()),
    }
}

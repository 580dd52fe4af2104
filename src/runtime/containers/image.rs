use std::fmt;

use super::{Error, Result, User};

/// An image that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The digest of its configuration: `sha256:…`.
    pub id: String,
    /// `name:tag`.
    pub tags: Vec<String>,
    /// `name@sha256:…`.
    pub digests: Vec<String>,
    pub size_bytes: u64,
    /// Who runs its processes, if it says.
    pub user: Option<User>,
}

/// What a registry wants to know of us.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAuth {
    pub username: String,
    pub password: String,
    /// A token that stands for name and password.
    pub identity_token: Option<String>,
    /// The registry's host, if it is known.
    pub server: Option<String>,
}

impl fmt::Debug for RegistryAuth {
    /// Without secrets: this may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAuth").field("username", &self.username).field("server", &self.server).finish_non_exhaustive()
    }
}

/// How far a pull has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullProgress {
    /// `Downloading`, `Extracting`, …
    pub phase: String,
    /// The layer that it speaks of, if it is one.
    pub layer: Option<String>,
    pub done_bytes: u64,
    pub total_bytes: Option<u64>,
}

/// The reference with its tag: `latest`, if it has neither tag nor digest.
pub(super) fn canonical(reference: &str) -> Result<String> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if reference.is_empty() || !reference.chars().all(valid) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Error::InvalidImageName(reference.to_owned()));
    }
    Ok(if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_tag_or_a_digest() {
        let cases = [
            ("nginx", Some("nginx:latest")),
            ("nginx:1.27", Some("nginx:1.27")),
            ("localhost:5000/team/app", Some("localhost:5000/team/app:latest")),
            ("app@sha256:0a", Some("app@sha256:0a")),
            ("", None),
            ("Not A Reference", None),
            ("nginx/", None),
            ("../x;rm", None),
        ];
        for (reference, expected) in cases {
            assert_eq!(canonical(reference).ok().as_deref(), expected, "{reference}");
        }
    }
}

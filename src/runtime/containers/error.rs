use std::time::Duration;

pub type Result<T> = std::result::Result<T, Error>;

/// Why a verb did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such sandbox, container or port.
    #[error("no such {what}: {name}")]
    NotFound { what: &'static str, name: String },
    #[error("image {0} is not present")]
    ImageNotFound(String),
    /// The reference is not one: a retry cannot help.
    #[error("{0:?} is not a valid image reference")]
    InvalidImageName(String),
    /// The registry does not have it, does not let us, or cannot be reached.
    #[error("cannot pull {image}: {reason}")]
    PullFailed { image: String, reason: String },
    /// The container's process could not be started: no such command, not executable, a mount that is not there.
    #[error("cannot start: {0}")]
    StartFailed(String),
    /// The verb does not fit the state, e.g. an exec in a container that has ended, or the removal of an image in use.
    #[error("{0}")]
    Conflict(String),
    /// The runtime cannot do what the spec asks for.
    #[error("{0}")]
    Invalid(String),
    /// The runtime does not answer. A retry may help.
    #[error("the container runtime is unavailable: {0}")]
    Unavailable(String),
    #[error("timed out after {0:?}")]
    Timeout(Duration),
    /// The runtime failed in a way that has no name here.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    pub fn no_sandbox(id: impl ToString) -> Self {
        Self::NotFound { what: "sandbox", name: id.to_string() }
    }

    pub fn no_container(id: impl ToString) -> Self {
        Self::NotFound { what: "container", name: id.to_string() }
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::ImageNotFound(_))
    }
}

use bollard::errors::Error as Bollard;

use crate::runtime::containers::Error;

/// What an error of the client means.
pub(super) fn from_bollard(error: Bollard) -> Error {
    match error {
        Bollard::DockerResponseServerError { status_code, message } => from_engine(status_code, message),
        Bollard::DockerStreamError { error } => Error::Failed(error),
        Bollard::RequestTimeoutError => Error::Unavailable("it does not answer in time".to_owned()),
        Bollard::SocketNotFoundError(socket) => Error::Unavailable(format!("there is no socket at {socket}")),
        Bollard::IOError { err } => Error::Unavailable(err.to_string()),
        Bollard::HyperResponseError { err } => Error::Unavailable(chain(&err)),
        Bollard::HyperLegacyError { err } => Error::Unavailable(chain(&err)),
        error => Error::Failed(error.to_string()),
    }
}

/// What an answer of the engine means, by its HTTP status.
pub(super) fn from_engine(status: u16, message: String) -> Error {
    match status {
        404 if message.starts_with("No such image") => {
            let image = message.split_once(": ").map_or("", |(_, rest)| rest);
            Error::ImageNotFound(image.to_owned())
        }
        404 => Error::NotFound { what: "container", name: message.rsplit(' ').next().unwrap_or(&message).to_owned() },
        400 if message.contains("invalid reference format") => Error::InvalidImageName(message),
        400 => Error::Invalid(message),
        409 => Error::Conflict(message),
        503 => Error::Unavailable(message),
        _ => Error::Failed(message),
    }
}

/// The message with its causes, which say what really happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

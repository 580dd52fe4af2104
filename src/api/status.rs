//! The one error of the API: Kubernetes' `Status`, in its failing form.

use serde::{Deserialize, Serialize};

use super::validation::ErrorList;

/// A failure as clients see it. Made by the constructors below; turned into a response in one place, `http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
    pub reason: Reason,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// `metadata.continue`: with an expired list, the token that goes on at the newest revision.
    #[serde(skip)]
    pub continue_token: String,
}

/// `metav1.StatusReason`, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    #[serde(rename = "")]
    Unknown,
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    ServerTimeout,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    Expired,
    ServiceUnavailable,
}

/// `metav1.StatusDetails`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// `metav1.StatusCause`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Status {
    pub fn new(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: String::new() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, Reason::BadRequest, message)
    }

    pub fn internal(message: impl std::fmt::Display) -> Self {
        let why = message.to_string();
        Self::new(500, Reason::InternalError, format!("Internal error occurred: {why}")).because("", "", why)
    }

    /// `resource` is the plural, with its group if it has one: `pods`, `deployments.apps`.
    pub fn not_found(group: &str, plural: &str, name: &str) -> Self {
        Self::new(404, Reason::NotFound, format!("{} \"{name}\" not found", qualified(group, plural))).about(group, plural, name)
    }

    pub fn already_exists(group: &str, plural: &str, name: &str) -> Self {
        Self::new(409, Reason::AlreadyExists, format!("{} \"{name}\" already exists", qualified(group, plural))).about(group, plural, name)
    }

    pub fn conflict(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", qualified(group, plural));
        Self::new(409, Reason::Conflict, message).about(group, plural, name)
    }

    pub fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", qualified(group, plural));
        Self::new(403, Reason::Forbidden, message).about(group, plural, name)
    }

    /// An object that cannot be accepted: each wrong field in the message and as a cause.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &ErrorList) -> Self {
        let mut messages: Vec<String> = Vec::with_capacity(errors.0.len());
        let mut causes = Vec::with_capacity(errors.0.len());
        for error in &errors.0 {
            let message = if error.field.is_empty() { error.message.clone() } else { format!("{}: {}", error.field, error.message) };
            if !messages.contains(&message) {
                messages.push(message);
            }
            causes.push(Cause { reason: error.kind.reason().to_owned(), message: error.message.clone(), field: error.field.clone() });
        }
        let list = if let [only] = &messages[..] { only.clone() } else { format!("[{}]", messages.join(", ")) };
        let message = format!("{} \"{name}\" is invalid: {list}", qualified(group, kind));
        let mut status = Self::new(422, Reason::Invalid, message).about(group, kind, name);
        status.details.get_or_insert_default().causes = causes;
        status
    }

    /// Options of a request that cannot be accepted (`ListOptions`, `DeleteOptions`).
    pub fn invalid_options(options: &str, errors: &ErrorList) -> Self {
        Self::invalid("meta.k8s.io", options, "", errors)
    }

    /// Nothing is served under that path: `404`.
    pub fn no_such_resource() -> Self {
        let mut status = Self::new(404, Reason::NotFound, "the server could not find the requested resource");
        status.details = Some(Box::default());
        status
    }

    /// The kind does not know the method: `405`.
    pub fn method_not_allowed() -> Self {
        let mut status = Self::new(405, Reason::MethodNotAllowed, "the server does not allow this method on the requested resource");
        status.details = Some(Box::default());
        status
    }

    /// The kind knows the method, but not now: `405`.
    pub fn method_not_supported(group: &str, plural: &str, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind {:?}", qualified(group, plural));
        Self::new(405, Reason::MethodNotAllowed, message).about(group, plural, "")
    }

    /// History does not reach back that far: `410`.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, Reason::Expired, message)
    }

    /// Adds a cause to `details`.
    pub fn because(mut self, reason: &str, field: &str, message: impl Into<String>) -> Self {
        let cause = Cause { reason: reason.to_owned(), message: message.into(), field: field.to_owned() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// Asks the client to come back after so many seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// Names the resource in `details`.
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let details = self.details.get_or_insert_default();
        (details.group, details.kind, details.name) = (group.into(), kind.into(), name.into());
        self
    }

    /// Whether one of the causes in `details` has this reason, such as `NamespaceTerminating`.
    pub fn has_cause(&self, reason: &str) -> bool {
        self.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason)
    }

    pub fn is_not_found(&self) -> bool {
        self.reason == Reason::NotFound
    }

    pub fn is_conflict(&self) -> bool {
        self.reason == Reason::Conflict
    }

    pub fn is_already_exists(&self) -> bool {
        self.reason == Reason::AlreadyExists
    }

    /// The place in history is gone: list again, then watch.
    pub fn is_expired(&self) -> bool {
        matches!(self.reason, Reason::Expired | Reason::Gone)
    }
}

fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

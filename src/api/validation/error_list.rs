//! Wrong fields, as `field.ErrorList` reports them.

/// One wrong field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub kind: FieldErrorKind,
    /// The path as upstream prints it: `spec.containers[0].name`, `data[a.b]`.
    pub field: String,
    /// The whole text after the field: `Invalid value: "…": must be …`.
    pub message: String,
}

/// `field.ErrorType`; its name is the cause's reason (`FieldValueRequired`, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    InternalError,
    TypeInvalid,
}

impl FieldErrorKind {
    /// The reason of a `StatusCause` (`metav1.CauseType`).
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::InternalError => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
}

/// All that is wrong with an object, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorList(pub Vec<FieldError>);

impl ErrorList {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, kind: FieldErrorKind, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { kind, field: field.into(), message: message.into() });
    }

    pub fn extend(&mut self, other: ErrorList) {
        self.0.extend(other.0);
    }
}

impl From<String> for ErrorList {
    /// An object that does not fit its own type.
    fn from(error: String) -> Self {
        Self(vec![FieldError { kind: FieldErrorKind::InternalError, field: String::new(), message: error }])
    }
}

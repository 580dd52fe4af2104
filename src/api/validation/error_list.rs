//! Wrong fields, as `field.ErrorList` reports them.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Path;

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

    /// A field that must be set. `why` may be empty, here and below.
    pub fn required(&mut self, path: &Path, why: &str) {
        self.add(FieldErrorKind::Required, path, "Required value", None, why);
    }

    pub fn invalid(&mut self, path: &Path, value: impl Shown, why: &str) {
        self.add(FieldErrorKind::Invalid, path, "Invalid value", Some(value.shown()), why);
    }

    /// One error for each reason.
    pub fn invalid_each(&mut self, path: &Path, value: &str, reasons: impl IntoIterator<Item = String>) {
        for why in reasons {
            self.invalid(path, value, &why);
        }
    }

    /// A word that is none of the words that are known.
    pub fn not_supported(&mut self, path: &Path, value: impl Shown, supported: &[&str]) {
        let list = supported.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        self.add(FieldErrorKind::NotSupported, path, "Unsupported value", Some(value.shown()), &format!("supported values: {list}"));
    }

    pub fn duplicate(&mut self, path: &Path, value: impl Shown) {
        self.duplicate_because(path, value, "");
    }

    pub fn duplicate_because(&mut self, path: &Path, value: impl Shown, why: &str) {
        self.add(FieldErrorKind::Duplicate, path, "Duplicate value", Some(value.shown()), why);
    }

    pub fn forbidden(&mut self, path: &Path, why: &str) {
        self.add(FieldErrorKind::Forbidden, path, "Forbidden", None, why);
    }

    pub fn not_found(&mut self, path: &Path, value: impl Shown, why: &str) {
        self.add(FieldErrorKind::NotFound, path, "Not found", Some(value.shown()), why);
    }

    pub fn too_long(&mut self, path: &Path, bytes: usize) {
        self.add(FieldErrorKind::TooLong, path, "Too long", None, &format!("may not be more than {bytes} bytes"));
    }

    pub fn too_many(&mut self, path: &Path, count: usize, most: usize) {
        self.add(FieldErrorKind::TooMany, path, "Too many", Some(count.to_string()), &format!("must have at most {most} items"));
    }

    /// A field that may not change. `value` is the new one.
    pub fn immutable<T: PartialEq>(&mut self, path: &Path, new: &T, old: &T, value: impl Shown) {
        if new != old {
            self.invalid(path, value, IMMUTABLE);
        }
    }

    fn add(&mut self, kind: FieldErrorKind, path: &Path, what: &str, value: Option<String>, why: &str) {
        let mut message = what.to_owned();
        for part in value.as_deref().into_iter().chain(Some(why).filter(|why| !why.is_empty())) {
            message.push_str(": ");
            message.push_str(part);
        }
        self.push(kind, path.to_string(), message);
    }
}

/// What is said of a field that an update may not change.
pub const IMMUTABLE: &str = "field is immutable";

/// A value as an error shows it.
pub trait Shown {
    fn shown(&self) -> String;
}

impl Shown for &str {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for &String {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for &Option<String> {
    fn shown(&self) -> String {
        self.as_deref().map_or_else(|| "null".to_owned(), quoted)
    }
}

impl Shown for i32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

/// Lists, maps and structs are shown as JSON.
impl Shown for Value {
    fn shown(&self) -> String {
        self.to_string()
    }
}

/// A struct of upstream's internal version, which goes by the names that its fields have in Go.
pub fn internal(value: &impl Serialize) -> Value {
    fn renamed(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (capitalised(&name), renamed(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(items) => items.into_iter().map(renamed).collect(),
            other => other,
        }
    }
    fn capitalised(name: &str) -> String {
        let mut characters = name.chars();
        characters.next().map(|first| first.to_ascii_uppercase().to_string() + characters.as_str()).unwrap_or_default()
    }
    renamed(serde_json::to_value(value).unwrap_or_default())
}

/// A text in Go's quotation marks (`%q`).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_ascii_control() => {
                write!(quoted, "\\x{:02x}", u32::from(control)).expect("writing to a String cannot fail")
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

impl From<String> for ErrorList {
    /// An object that does not fit its own type.
    fn from(error: String) -> Self {
        Self(vec![FieldError { kind: FieldErrorKind::InternalError, field: String::new(), message: error }])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_read_as_upstreams_do() {
        let path = Path::new("f");
        let mut errors = ErrorList::default();
        errors.required(&path, "");
        errors.invalid(&path, "a\"\n", "bad");
        errors.invalid(&path, json!(["x"]), "bad");
        errors.not_supported(&path, "X", &["A", "B"]);
        errors.duplicate(&path, 5);
        errors.forbidden(&path, "no");
        errors.too_long(&path, 9);
        errors.not_found(&path, "v", "");
        let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Required value",
                "Invalid value: \"a\\\"\\n\": bad",
                "Invalid value: [\"x\"]: bad",
                "Unsupported value: \"X\": supported values: \"A\", \"B\"",
                "Duplicate value: 5",
                "Forbidden: no",
                "Too long: may not be more than 9 bytes",
                "Not found: \"v\"",
            ]
        );
    }
}

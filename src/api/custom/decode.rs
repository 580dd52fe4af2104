//! From a request's body to an object of a custom resource (upstream: the unstructured decoder and what coerces its outcome).

use serde_json::{Number, Value};

use super::{Instances, default, embedded, prune};
use crate::api::schema::duplicates;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};

/// An object that fits its schema as far as decoding goes.
pub struct Known {
    pub value: Value,
    /// Unknown and duplicate fields.
    pub strict: Vec<String>,
}

/// Integers that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Instances {
    /// The object of a body, which is shown in messages as it was sent.
    ///
    /// # Errors
    /// 400: it says no kind, another version, or metadata that cannot be read; 422: another kind.
    pub fn decoded(&self, body: &[u8], value: Value) -> Result<Known, Status> {
        let text = |field: &str| value[field].as_str().unwrap_or_default();
        let (kind, wanted) = (text("kind").to_owned(), self.kind());
        if kind.is_empty() {
            let body = String::from_utf8_lossy(body);
            let why = format!("Object 'Kind' is missing in '{body}' ({body})");
            return Err(Status::bad_request(format!("the object provided is unrecognized (must be of type {wanted}): {why}")));
        }
        if text("apiVersion") != self.api_version() {
            return Err(Status::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({})",
                text("apiVersion"),
                self.api_version()
            )));
        }
        if kind != wanted {
            let mut errors = ErrorList::default();
            errors.push(FieldErrorKind::Invalid, "kind", format!("Invalid value: {kind:?}: must be {wanted}"));
            return Err(Status::invalid(self.group(), &kind, value["metadata"]["name"].as_str().unwrap_or_default(), &errors));
        }
        let mut known = self.settled(value).map_err(|why| self.refused(&why))?;
        let mut strict = duplicates(body);
        strict.append(&mut known.strict);
        Ok(Known { strict, ..known })
    }

    /// Why a body is no object of this kind.
    pub fn refused(&self, why: &str) -> Status {
        let (kind, version) = (self.kind(), self.version());
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    }

    /// Takes out what the schema does not know of, and nulls where there may be none.
    ///
    /// # Errors
    /// Metadata that cannot be read.
    pub fn settled(&self, mut value: Value) -> Result<Known, String> {
        let schema = self.schema();
        canonical(&mut value);
        let mut strict: Vec<String> = prune::prune(&mut value, schema).into_iter().map(|path| format!("unknown field {path:?}")).collect();
        default::drop_nulls(&mut value, schema);
        strict.append(&mut embedded::settle(&mut value, schema)?);
        strict.sort_unstable();
        Ok(Known { value, strict })
    }
}

/// Writes whole numbers without a fraction, as Go does.
#[expect(clippy::cast_possible_truncation, reason = "the number is whole and within the range")]
fn canonical(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT) {
                *number = Number::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(canonical),
        Value::Object(fields) => fields.values_mut().for_each(canonical),
        _ => {}
    }
}

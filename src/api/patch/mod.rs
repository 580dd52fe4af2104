//! Changing objects by patches: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch
//! (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/>).

mod json;
mod order;
mod strategic;
mod three_way;

use serde_json::Value;

use crate::api::client::{FieldValidation, Patch};
use crate::api::schema::{Decoded, Dialect, Target, TypeRef, examine};
use crate::api::status::{Reason, Status};
use crate::api::validation::{ErrorList, FieldErrorKind};

pub use json::apply as json_patch;
pub use three_way::three_way;

/// What `patch` makes of an object: decoded, not yet completed by defaults nor validated. `strict` is what strict decoding has against the
/// patch itself.
///
/// # Errors
/// With upstream's codes and messages: a patch that is malformed, does not apply or is too large; an outcome that is no object of the
/// target's type. Server-side apply is no business of this module (see [`apply`](crate::api::apply)).
pub fn apply(
    target: Target<'_>,
    current: &Value,
    patch: &Patch,
    strict: &[String],
    validation: FieldValidation,
) -> Result<Decoded, Status> {
    let mut patched = current.clone();
    let dialect = match patch {
        Patch::Json(operations) => {
            json::apply(&mut patched, operations)?;
            Dialect::Json
        }
        Patch::Merge(patch) => {
            check_object(patch).map_err(|why| Status::bad_request(format!("error decoding patch: {why}")))?;
            json_patch::merge(&mut patched, patch);
            Dialect::Json
        }
        Patch::Strategic(patch) => {
            check_object(patch).map_err(Status::bad_request)?;
            let TypeRef::Known(schema) = target.schema else { return Err(unsupported()) };
            strategic::apply(schema, &mut patched, patch)?;
            Dialect::Unstructured
        }
        Patch::Apply(_) => {
            return Err(Status::internal("what is applied cannot be understood without knowing who manages what"));
        }
    };
    examine(target, &patched, dialect, strict.to_vec(), validation).map_err(|refusal| {
        let shown = match patch {
            Patch::Strategic(patch) => strategic::printed(patch),
            _ => patched.to_string(),
        };
        let mut errors = ErrorList::default();
        errors.push(FieldErrorKind::Invalid, "patch", format!("Invalid value: {shown:?}: {}", refusal.why));
        Status::invalid("", "", "", &errors)
    })
}

/// Nothing is known of custom resources by which lists could be merged.
pub fn unsupported() -> Status {
    Status::new(
        415,
        Reason::UnsupportedMediaType,
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
         application/merge-patch+json, application/apply-patch+yaml",
    )
}

fn check_object(patch: &Value) -> Result<(), String> {
    let found = match patch {
        Value::Object(_) | Value::Null => return Ok(()),
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
    };
    Err(format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"))
}

#[cfg(test)]
mod tests;

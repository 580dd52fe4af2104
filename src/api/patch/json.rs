//! JSON patch, with bounds on what it may cost.

use json_patch::{AddOperation, PatchOperation, patch_unsafe};
use serde::Deserialize;
use serde_json::Value;

use crate::api::status::{Reason, Status};

const OPERATIONS_MAX: usize = 10_000;
/// What all copies of a patch together may add, in bytes of JSON.
const COPIED_MAX: usize = 3 << 20;

/// Applies all operations, or fails half way.
pub fn apply(object: &mut Value, patch: &Value) -> Result<(), Status> {
    let Value::Array(operations) = patch else {
        let found = if patch.is_object() { "object" } else { "value" };
        let why = format!("error decoding patch: json: cannot unmarshal {found} into Go value of type jsonpatch.Patch");
        return Err(Status::bad_request(why));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(too_large(format!("The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}", operations.len())));
    }
    let mut copied = 0;
    for operation in operations {
        let operation = lenient(PatchOperation::deserialize(operation).map_err(|_| rejected())?, object);
        if let PatchOperation::Copy(copy) = &operation {
            copied += copy.from.resolve(object).map_or(0, |source| source.to_string().len());
            if copied > COPIED_MAX {
                return Err(too_large(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {COPIED_MAX}"
                )));
            }
        }
        if finds_nothing_as_wanted(&operation, object) {
            continue;
        }
        patch_unsafe(object, std::slice::from_ref(&operation)).map_err(|_| rejected())?;
    }
    Ok(())
}

/// Upstream's `replace` adds a member that an object does not have, other than RFC 6902 says.
fn lenient(operation: PatchOperation, object: &Value) -> PatchOperation {
    match operation {
        PatchOperation::Replace(replace) if is_new_member(object, replace.path.as_str()) => {
            PatchOperation::Add(AddOperation { path: replace.path, value: replace.value })
        }
        other => other,
    }
}

/// Upstream's `test` for null holds, too, for a member that an object does not have: who adds a first finalizer asks for that.
fn finds_nothing_as_wanted(operation: &PatchOperation, object: &Value) -> bool {
    matches!(operation, PatchOperation::Test(test) if test.value.is_null() && is_new_member(object, test.path.as_str()))
}

fn is_new_member(object: &Value, path: &str) -> bool {
    let parent = path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent));
    parent.is_some_and(Value::is_object) && object.pointer(path).is_none()
}

fn too_large(why: String) -> Status {
    Status::new(413, Reason::RequestEntityTooLarge, format!("Request entity too large: {why}"))
}

/// All that upstream says of an operation that cannot be done.
fn rejected() -> Status {
    let mut status = Status::new(422, Reason::Invalid, "the server rejected our request due to an error in our request");
    status.details = Some(Box::default());
    status
}

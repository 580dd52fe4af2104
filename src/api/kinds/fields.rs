//! Reading JSON as Go reads its structs: what is absent counts as empty.

use serde_json::Value;

pub trait Fields {
    /// The text at a pointer, or the empty one.
    fn text(&self, pointer: &str) -> &str;
    /// The number at a pointer, or 0.
    fn integer(&self, pointer: &str) -> i64;
    fn flag(&self, pointer: &str) -> bool;
    fn list(&self, pointer: &str) -> &[Value];
    /// The size of the object at a pointer.
    fn entries(&self, pointer: &str) -> usize;
    fn is_set(&self, pointer: &str) -> bool;
}

impl Fields for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn integer(&self, pointer: &str) -> i64 {
        self.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    fn flag(&self, pointer: &str) -> bool {
        self.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn entries(&self, pointer: &str) -> usize {
        self.pointer(pointer).and_then(Value::as_object).map_or(0, |object| object.len())
    }

    fn is_set(&self, pointer: &str) -> bool {
        self.pointer(pointer).is_some_and(|value| !value.is_null())
    }
}

//! Reading JSON as Go reads its structs: what is absent counts as empty.

use serde_json::Value;

/// Pointers are JSON's (RFC 6901) without escapes: no field of the API has a `~` or `/` in its name. (`Value::pointer` copies every name.)
pub trait Fields {
    fn at(&self, pointer: &str) -> Option<&Value>;
    fn at_mut(&mut self, pointer: &str) -> Option<&mut Value>;
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
    fn at(&self, pointer: &str) -> Option<&Value> {
        pointer.split('/').skip(1).try_fold(self, |part, name| match part {
            Value::Object(fields) => fields.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    fn at_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        pointer.split('/').skip(1).try_fold(self, |part, name| match part {
            Value::Object(fields) => fields.get_mut(name),
            Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn integer(&self, pointer: &str) -> i64 {
        self.at(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    fn flag(&self, pointer: &str) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn entries(&self, pointer: &str) -> usize {
        self.at(pointer).and_then(Value::as_object).map_or(0, |object| object.len())
    }

    fn is_set(&self, pointer: &str) -> bool {
        self.at(pointer).is_some_and(|value| !value.is_null())
    }
}

//! The cells of bindings.

use serde_json::Value;

use super::Fields;

pub fn role(binding: &Value) -> Value {
    format!("{}/{}", binding.text("/roleRef/kind"), binding.text("/roleRef/name")).into()
}

pub fn users(binding: &Value) -> Value {
    subjects(binding, "User")
}

pub fn groups(binding: &Value) -> Value {
    subjects(binding, "Group")
}

pub fn accounts(binding: &Value) -> Value {
    subjects(binding, "ServiceAccount")
}

fn subjects(binding: &Value, kind: &str) -> Value {
    let named = |subject: &Value| match kind {
        "ServiceAccount" => format!("{}/{}", subject.text("/namespace"), subject.text("/name")),
        _ => subject.text("/name").to_owned(),
    };
    let subjects = binding.list("/subjects").iter().filter(|subject| subject.text("/kind") == kind);
    subjects.map(named).collect::<Vec<_>>().join(", ").into()
}

//! Bindings.

use serde_json::Value;

use super::Complete;
use crate::api::kinds::fields::Fields;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Roles, users and groups are of RBAC's own group.
pub fn role_binding(binding: &mut Value) {
    if let Some(role) = binding.always(&["roleRef"]) {
        role.empty("apiGroup", GROUP);
    }
    for subject in binding.each("/subjects") {
        if matches!(subject.text("/kind"), "User" | "Group") {
            subject.empty("apiGroup", GROUP);
        }
    }
}

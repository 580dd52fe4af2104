//! Signing requests.

use serde_json::Value;

use super::{now, put, restore};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;

/// What was asked for stays; the verdict is given by `approval`, the certificate by `status`.
pub fn certificate_signing_request_update(request: &mut Value, old: &Value, subresource: Option<Subresource>) {
    match subresource {
        Some(Subresource::Approval) => {
            date(request, old);
            let conditions = request.at("/status/conditions").cloned();
            restore(request, old, "status");
            match conditions {
                Some(conditions) => put(request, "status", "conditions", conditions),
                None => drop(request.at_mut("/status").and_then(Value::as_object_mut).map(|status| status.remove("conditions"))),
            }
        }
        Some(_) => {
            ["Approved", "Denied"].iter().for_each(|verdict| preserve(request, old, verdict));
            date(request, old);
        }
        None => ["spec", "status"].iter().for_each(|field| restore(request, old, field)),
    }
}

/// Conditions of a type stay as they are, if they are as many as before.
fn preserve(request: &mut Value, old: &Value, kind: &str) {
    let before: Vec<&Value> = of_type(old, kind).collect();
    if of_type(request, kind).count() != before.len() {
        return;
    }
    let conditions = request.at_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten();
    for (condition, before) in conditions.filter(|condition| condition.text("/type") == kind).zip(before) {
        *condition = before.clone();
    }
}

fn of_type<'a>(request: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    request.list("/status/conditions").iter().filter(move |condition| condition.text("/type") == kind)
}

/// A condition that does not say since when it holds holds since now, or since it was first said.
fn date(request: &mut Value, old: &Value) {
    for condition in request.at_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        let known = old.list("/status/conditions").iter().find(|known| {
            ["type", "status"].iter().all(|field| known.get(*field) == condition.get(*field)) && known.is_set("/lastTransitionTime")
        });
        let since = known.and_then(|known| known.get("lastTransitionTime")).cloned().unwrap_or_else(|| now().into());
        let Some(condition) = condition.as_object_mut() else { continue };
        for (field, time) in [("lastUpdateTime", Value::from(now())), ("lastTransitionTime", since)] {
            if condition.get(field).is_none_or(Value::is_null) {
                condition.insert(field.to_owned(), time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for_cannot_be_changed_and_approval_changes_only_conditions() {
        let old = json!({"spec": {"signerName": "a/b"}, "status": {"certificate": "eA=="}});
        let mut new = json!({"spec": {"signerName": "c/d"}, "status": {}});
        certificate_signing_request_update(&mut new, &old, None);
        assert_eq!(new, old);
        let mut new = json!({"spec": {"signerName": "a/b"}, "status": {"conditions": [{"type": "Approved", "status": "True"}]}});
        certificate_signing_request_update(&mut new, &old, Some(Subresource::Approval));
        assert_eq!(new["status"]["certificate"], "eA==");
        assert!(new.is_set("/status/conditions/0/lastTransitionTime") && new.is_set("/status/conditions/0/lastUpdateTime"));
    }

    #[test]
    fn a_condition_holds_since_it_was_first_said() {
        let old = json!({"status": {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "t"}]}});
        let mut new = json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}});
        certificate_signing_request_update(&mut new, &old, Some(Subresource::Status));
        assert_eq!(new["status"]["conditions"][0]["lastTransitionTime"], "t");
    }
}

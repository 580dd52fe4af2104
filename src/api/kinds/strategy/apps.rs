//! What keeps pods running.

use serde_json::Value;

use super::{put, restore};
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;
use crate::api::schema;

/// The number of templates that a daemon set has had: an internal field, which v1 keeps here.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Annotations of a deployment are handed on to its replica sets: a change of them counts as a change of the wish. Who writes a status
/// leaves the labels.
pub fn deployment_update(deployment: &mut Value, old: &Value, subresource: Option<Subresource>) {
    if subresource == Some(Subresource::Status)
        && let (Some(metadata), Some(old)) = (deployment.get_mut("metadata"), old.get("metadata"))
    {
        restore(metadata, old, "labels");
    }
    let annotations = |object: &'_ Value| object.at("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    if subresource.is_none() && annotations(deployment) != annotations(old) {
        put(deployment, "metadata", "generation", old.integer("/metadata/generation") + 1);
    }
}

/// How many pods may be away during an update, is behind a gate that is closed (`MaxUnavailableStatefulSet`).
pub fn stateful_set(set: &mut Value) {
    if let Some(update) = set.at_mut("/spec/updateStrategy/rollingUpdate").and_then(Value::as_object_mut) {
        update.remove("maxUnavailable");
    }
}

pub fn stateful_set_update(set: &mut Value, old: &Value, _subresource: Option<Subresource>) {
    if !old.is_set("/spec/updateStrategy/rollingUpdate/maxUnavailable") {
        stateful_set(set);
    }
}

pub fn daemon_set(set: &mut Value) {
    put_template_generation(set, template_generation(set).max(1));
}

pub fn daemon_set_update(set: &mut Value, old: &Value, subresource: Option<Subresource>) {
    let mut generation = template_generation(old);
    if subresource.is_none() {
        // The old template is written as Go does.
        let mut new = set.clone();
        schema::finish("apps.v1.DaemonSet", &mut new);
        generation += i64::from(new.at("/spec/template") != old.at("/spec/template"));
    }
    put_template_generation(set, generation);
}

fn template_generation(set: &Value) -> i64 {
    let annotation = set.at("/metadata/annotations").and_then(|annotations| annotations.get(TEMPLATE_GENERATION));
    annotation.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn put_template_generation(set: &mut Value, generation: i64) {
    let mut annotations = set.at("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    put(set, "metadata", "annotations", annotations);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_of_a_deployment_are_a_part_of_its_wish_and_labels_are_none_of_its_status() {
        let old = json!({"metadata": {"generation": 2, "labels": {"a": "b"}}});
        let mut new = json!({"metadata": {"generation": 2, "annotations": {"x": "y"}}});
        deployment_update(&mut new, &old, Some(Subresource::Status));
        assert_eq!(new["metadata"], json!({"generation": 2, "labels": {"a": "b"}, "annotations": {"x": "y"}}));
        deployment_update(&mut new, &old, None);
        assert_eq!(new["metadata"]["generation"], 3);
    }

    #[test]
    fn the_templates_of_a_daemon_set_are_counted() {
        let mut old = json!({"metadata": {"name": "d"}, "spec": {"template": {"spec": {"dnsPolicy": "Default"}}}});
        daemon_set(&mut old);
        schema::finish("apps.v1.DaemonSet", &mut old);
        let mut new = old.clone();
        new["metadata"].as_object_mut().unwrap().remove("annotations");
        daemon_set_update(&mut new, &old, None);
        assert_eq!(new["metadata"]["annotations"], json!({TEMPLATE_GENERATION: "1"}));
        new["spec"]["template"]["spec"]["dnsPolicy"] = "None".into();
        daemon_set_update(&mut new, &old, None);
        assert_eq!(new["metadata"]["annotations"], json!({TEMPLATE_GENERATION: "2"}));
    }
}

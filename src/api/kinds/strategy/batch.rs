//! Jobs.

use serde_json::{Map, Value};

use super::put;
use crate::api::kinds::Subresource;
use crate::api::kinds::fields::Fields;
use crate::api::validation::batch::{CONTROLLER_UID, JOB_NAME, LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME};

/// Unless its author looks after that, a job's pods are told from all others by its UID: the selector asks for it, and the template has it.
pub fn job(job: &mut Value) {
    if !job.flag("/spec/manualSelector") {
        select_own_pods(job);
    }
    inherit_labels(job);
}

/// Like every reading of a stored job.
pub fn job_update(job: &mut Value, _old: &Value, _subresource: Option<Subresource>) {
    inherit_labels(job);
}

fn select_own_pods(job: &mut Value) {
    let (name, uid) = (job.text("/metadata/name").to_owned(), job.text("/metadata/uid").to_owned());
    let Some(spec) = job.get_mut("spec") else { return };
    let Some(labels) = made(spec, &["template", "metadata", "labels"]) else { return };
    for (label, value) in [(LEGACY_JOB_NAME, &name), (JOB_NAME, &name), (LEGACY_CONTROLLER_UID, &uid), (CONTROLLER_UID, &uid)] {
        labels.entry(label).or_insert_with(|| value.clone().into());
    }
    if let Some(labels) = made(spec, &["selector", "matchLabels"]) {
        labels.entry(CONTROLLER_UID).or_insert_with(|| uid.into());
    }
}

/// The object under some fields, made where it is missing.
fn made<'v>(value: &'v mut Value, fields: &[&str]) -> Option<&'v mut Map<String, Value>> {
    let mut part = value.as_object_mut()?;
    for field in fields {
        let next = part.entry(*field).or_insert_with(|| Map::new().into());
        if next.is_null() {
            *next = Map::new().into();
        }
        part = next.as_object_mut()?;
    }
    Some(part)
}

fn inherit_labels(job: &mut Value) {
    if job.entries("/metadata/labels") == 0
        && let Some(labels) = job.at("/spec/template/metadata/labels").cloned()
    {
        put(job, "metadata", "labels", labels);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_selects_the_pods_that_bear_its_uid() {
        let mut object = json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
        job(&mut object);
        assert_eq!(object["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}));
        let labels = json!({"a": "b", "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
            "controller-uid": "u", "job-name": "j"});
        assert_eq!(object["spec"]["template"]["metadata"]["labels"], labels);
        assert_eq!(object["metadata"]["labels"], labels);
    }

    #[test]
    fn a_job_that_selects_by_hand_is_left_alone() {
        let spec = json!({"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}});
        let mut object = json!({"metadata": {"name": "j", "uid": "u"}, "spec": spec});
        job(&mut object);
        assert_eq!(object["spec"], spec);
    }
}

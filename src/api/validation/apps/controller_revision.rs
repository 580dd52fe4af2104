//! Controller revisions.

use k8s_openapi::api::apps::v1::ControllerRevision;
use serde_json::Value;

use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::{ErrorList, NameForm, Path};

pub fn controller_revision(revision: &ControllerRevision) -> ErrorList {
    let mut errors = judge(revision);
    match data(revision) {
        Value::Null => errors.required(&Path::new("data"), "data is mandatory"),
        Value::Object(_) => {}
        _ => errors.required(&Path::new("data"), "data must be a valid JSON object"),
    }
    errors
}

pub fn controller_revision_update(new: &ControllerRevision, old: &ControllerRevision) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(judge(new));
    errors.immutable(&Path::new("data"), data(new), data(old), data(new).clone());
    errors
}

fn data(revision: &ControllerRevision) -> &Value {
    revision.data.as_ref().map_or(&Value::Null, |data| &data.0)
}

fn judge(revision: &ControllerRevision) -> ErrorList {
    let mut errors = object_meta(&revision.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    not_negative(Some(revision.revision), &Path::new("revision"), &mut errors);
    errors
}

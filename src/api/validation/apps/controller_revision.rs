//! Controller revisions.

use k8s_openapi::api::apps::v1::ControllerRevision;
use serde_json::Value;

use crate::api::validation::numbers::not_negative;
use crate::api::validation::object_meta::{object_meta, object_meta_update};
use crate::api::validation::{ErrorList, NameForm, Path};

pub fn controller_revision(revision: &ControllerRevision) -> ErrorList {
    judge(revision, true)
}

pub fn controller_revision_update(new: &ControllerRevision, old: &ControllerRevision) -> ErrorList {
    let mut errors = object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.extend(judge(new, false));
    errors.immutable(&Path::new("data"), data(new), data(old), data(new).clone());
    errors
}

fn data(revision: &ControllerRevision) -> &Value {
    revision.data.as_ref().map_or(&Value::Null, |data| &data.0)
}

fn judge(revision: &ControllerRevision, is_new: bool) -> ErrorList {
    let mut errors = object_meta(&revision.metadata, true, NameForm::Subdomain, &Path::new("metadata"));
    match data(revision) {
        Value::Null => errors.required(&Path::new("data"), "data is mandatory"),
        Value::Object(_) => {}
        _ if is_new => errors.required(&Path::new("data"), "data must be a valid JSON object"),
        _ => {}
    }
    not_negative(Some(revision.revision), &Path::new("revision"), &mut errors);
    errors
}

//! What holds for the metadata of every kind.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use super::format::{self, Wrong};
use super::{ErrorList, Path, address};

/// All annotations of an object together: 256 KiB.
const ANNOTATIONS_LENGTH: usize = 256 * 1024;
const FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// How the objects of a kind may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameForm {
    Subdomain,
    Label,
    /// As services are: a label that does not begin with a digit.
    Label1035,
    /// As namespaces are: a label, of which dots are told apart.
    LabelWithoutDots,
    /// As roles are: whatever can stand in a path.
    PathSegment,
    /// An IP address.
    Address,
    Anything,
}

impl NameForm {
    pub fn judge(self, name: &str) -> Wrong {
        match self {
            Self::Subdomain => format::dns_subdomain(name),
            Self::Label => format::dns_label(name),
            Self::Label1035 => format::dns_1035_label(name),
            Self::LabelWithoutDots if name.contains('.') => vec!["must not contain dots".to_owned()],
            Self::LabelWithoutDots => format::dns_label(name),
            Self::PathSegment => format::path_segment(name),
            Self::Address => address::strict_ip(name),
            Self::Anything => Wrong::new(),
        }
    }
}

/// A new object's metadata.
pub fn object_meta(meta: &ObjectMeta, namespaced: bool, form: NameForm, path: &Path) -> ErrorList {
    named_object_meta(meta, namespaced, |name| form.judge(name), path)
}

/// The same for a kind whose names are judged by more than their form.
pub fn named_object_meta(meta: &ObjectMeta, namespaced: bool, judge: impl Fn(&str) -> Wrong, path: &Path) -> ErrorList {
    let mut errors = accessor_meta(meta, namespaced, judge, path);
    let at = path.child("finalizers");
    for (index, finalizer) in meta.finalizers.iter().flatten().enumerate() {
        kube_finalizer(finalizer, &at.index(index), &mut errors);
    }
    errors
}

/// What holds for the metadata of every object (upstream: `ValidateObjectMetaAccessor`), of a built-in kind or of none.
pub fn accessor_meta(meta: &ObjectMeta, namespaced: bool, judge: impl Fn(&str) -> Wrong, path: &Path) -> ErrorList {
    let mut errors = ErrorList::default();
    if let Some(prefix) = meta.generate_name.as_deref().filter(|prefix| !prefix.is_empty()) {
        let example = prefix.strip_suffix('-').map_or_else(|| prefix.to_owned(), |prefix| format!("{prefix}a"));
        errors.invalid_each(&path.child("generateName"), prefix, judge(&example));
    }
    match meta.name.as_deref() {
        None | Some("") => errors.required(&path.child("name"), "name or generateName is required"),
        Some(name) => errors.invalid_each(&path.child("name"), name, judge(name)),
    }
    match meta.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
        None if namespaced => errors.required(&path.child("namespace"), ""),
        Some(namespace) if namespaced => errors.invalid_each(&path.child("namespace"), namespace, format::dns_label(namespace)),
        Some(_) => errors.forbidden(&path.child("namespace"), "not allowed on this type"),
        None => {}
    }
    labels(meta.labels.as_ref(), &path.child("labels"), &mut errors);
    annotations(meta.annotations.as_ref(), &path.child("annotations"), &mut errors);
    owners(meta.owner_references.as_deref().unwrap_or_default(), &path.child("ownerReferences"), &mut errors);
    finalizers(meta.finalizers.as_deref().unwrap_or_default(), &path.child("finalizers"), &mut errors);
    errors
}

/// The metadata of an update. Names, UIDs and times cannot have changed: the verbs see to that.
pub fn object_meta_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path) -> ErrorList {
    let mut errors = ErrorList::default();
    if old.deletion_timestamp.is_some() {
        let before = old.finalizers.as_deref().unwrap_or_default();
        let mut added: Vec<_> =
            new.finalizers.iter().flatten().filter(|finalizer| !before.contains(finalizer)).map(|one| format!("{one:?}")).collect();
        added.sort();
        if !added.is_empty() {
            let list = added.join(", ");
            let why = "no new finalizers can be added if the object is being deleted, found new finalizers []string{";
            errors.forbidden(&path.child("finalizers"), &format!("{why}{list}}}"));
        }
    }
    labels(new.labels.as_ref(), &path.child("labels"), &mut errors);
    annotations(new.annotations.as_ref(), &path.child("annotations"), &mut errors);
    owners(new.owner_references.as_deref().unwrap_or_default(), &path.child("ownerReferences"), &mut errors);
    errors
}

/// Labels, and what else maps label keys to label values.
pub fn labels(labels: Option<&BTreeMap<String, String>>, path: &Path, errors: &mut ErrorList) {
    for (key, value) in labels.into_iter().flatten() {
        errors.invalid_each(path, key, format::qualified_name(key));
        errors.invalid_each(path, value, format::label_value(value));
    }
}

pub fn annotations(annotations: Option<&BTreeMap<String, String>>, path: &Path, errors: &mut ErrorList) {
    let mut length = 0;
    for (key, value) in annotations.into_iter().flatten() {
        errors.invalid_each(path, key, format::qualified_name(&key.to_lowercase()));
        length += key.len() + value.len();
    }
    if length > ANNOTATIONS_LENGTH {
        errors.too_long(path, ANNOTATIONS_LENGTH);
    }
}

fn owners(owners: &[OwnerReference], path: &Path, errors: &mut ErrorList) {
    let mut controller: Option<String> = None;
    for owner in owners {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        if version.is_empty() {
            errors.invalid(&path.child("apiVersion"), &owner.api_version, "version must not be empty");
        }
        for (field, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
            if value.is_empty() {
                errors.invalid(&path.child(field), value, "must not be empty");
            }
        }
        if (group, version, owner.kind.as_str()) == ("", "v1", "Event") {
            errors.invalid(path, json!(owner), "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.controller == Some(true) {
            let name = format!("{}/{}", owner.kind, owner.name);
            match &controller {
                Some(first) => {
                    let why = "Only one reference can have Controller set to true. Found \"true\" in references for";
                    errors.invalid(path, json!(owners), &format!("{why} {first} and {name}"));
                }
                None => controller = Some(name),
            }
        }
    }
}

fn finalizers(finalizers: &[String], path: &Path, errors: &mut ErrorList) {
    for finalizer in finalizers {
        errors.invalid_each(path, finalizer, format::qualified_name(finalizer));
    }
    let has = |finalizer: &str| finalizers.iter().any(|one| one == finalizer);
    if has("orphan") && has("foregroundDeletion") {
        errors.invalid(path, json!(finalizers), "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

/// A finalizer without a domain must be one that Kubernetes knows.
pub fn kube_finalizer(finalizer: &str, path: &Path, errors: &mut ErrorList) {
    if !finalizer.contains('/') && !FINALIZERS.contains(&finalizer) {
        errors.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn judge(meta: Value) -> Vec<String> {
        let meta: ObjectMeta = serde_json::from_value(meta).unwrap();
        let errors = object_meta(&meta, true, NameForm::Subdomain, &Path::new("metadata"));
        errors.0.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn every_wrong_part_of_the_metadata_is_named() {
        assert_eq!(
            judge(json!({"name": "a.b", "namespace": "n", "labels": {"example.com/a": "b"}, "finalizers": ["example.com/x"]})),
            [""; 0]
        );
        assert_eq!(judge(json!({"namespace": "n"})), ["metadata.name: Required value: name or generateName is required"]);
        let owners = json!([{"kind": "Pod", "apiVersion": "", "name": "", "uid": ""}]);
        assert_eq!(
            judge(json!({"name": "a", "namespace": "n", "generateName": "web-", "ownerReferences": owners, "finalizers": ["nope"]})),
            [
                "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
                "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
                "metadata.finalizers[0]: Invalid value: \"nope\": name is neither a standard finalizer name nor is it fully qualified",
            ]
        );
    }

    #[test]
    fn an_object_that_is_being_deleted_takes_no_new_finalizer() {
        let old = ObjectMeta {
            deletion_timestamp: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH)),
            ..ObjectMeta::default()
        };
        let new = ObjectMeta { finalizers: Some(vec!["a/b".to_owned()]), ..old.clone() };
        let errors = object_meta_update(&new, &old, &Path::new("metadata"));
        assert!(errors.0[0].message.ends_with("found new finalizers []string{\"a/b\"}"), "{errors:?}");
    }
}

//! DefaultStorageClass and DefaultIngressClass: what does not name a class is of the default one, if there is one.

use std::cmp::Reverse;

use serde_json::Value;

use super::Request;
use crate::api::object::Object;
use crate::api::status::Status;

const STORAGE_CLASSES: &str = "storageclasses";
const STORAGE_MARKS: [&str; 2] = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// What named the class before there was a field.
const STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const INGRESS_CLASSES: &str = "ingressclasses";
const INGRESS_MARKS: [&str; 1] = ["ingressclass.kubernetes.io/is-default-class"];
const INGRESS_CLASS: &str = "kubernetes.io/ingress.class";

pub(super) fn storage(request: &Request, claim: &mut Value) -> Result<(), Status> {
    if request.creates("persistentvolumeclaims") {
        complete(request, claim, ("storageClassName", STORAGE_CLASS), STORAGE_CLASSES, &STORAGE_MARKS);
    }
    Ok(())
}

pub(super) fn ingress(request: &Request, ingress: &mut Value) -> Result<(), Status> {
    if request.creates("ingresses") {
        complete(request, ingress, ("ingressClassName", INGRESS_CLASS), INGRESS_CLASSES, &INGRESS_MARKS);
    }
    Ok(())
}

/// Sets the class of an object that names none, neither in the field nor in the annotation.
fn complete(request: &Request, object: &mut Value, (field, annotation): (&str, &str), classes: &str, marks: &[&str]) {
    let is_named = !object["spec"][field].is_null() || !object["metadata"]["annotations"][annotation].is_null();
    if let Some(class) = default_class(request, classes, marks).filter(|_| !is_named) {
        object["spec"][field] = class.into();
    }
}

/// Of several defaults, the newest; of those as old, the first by name.
fn default_class(request: &Request, classes: &str, marks: &[&str]) -> Option<String> {
    let classes = request.snapshot.range(classes, "", None).map(|(_, class)| class);
    let age = |class: &Object| Reverse(class.value()["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned());
    let class = classes.filter(|class| is_default(class, marks)).min_by_key(|class| (age(class), class.name().to_owned()))?;
    Some(class.name().to_owned())
}

fn is_default(class: &Object, marks: &[&str]) -> bool {
    let annotations = class.value()["metadata"]["annotations"].take();
    marks.iter().any(|mark| annotations[*mark] == "true")
}

//! What only the server decides on in an object's metadata, and where an object says it belongs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Api, Target};
use crate::api::kinds::Kind;
use crate::api::schema::written;
use crate::api::status::Status;
use crate::api::validation::format::dns_subdomain;
use crate::api::validation::object_meta::{accessor_meta, named_object_meta, object_meta_update};
use crate::api::validation::{ErrorList, FieldErrorKind, Path};
use crate::runtime::clock;

/// The most of a `generateName` that is used; with the suffix it stays within the 63 characters of a label.
const GENERATED_PREFIX: usize = 58;

/// The `metadata` of a decoded object.
pub(super) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    let Value::Object(fields) = object else { unreachable!("a decoded body is an object") };
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    metadata.as_object_mut().expect("made an object above")
}

pub(super) fn text<'a>(metadata: &'a Map<String, Value>, field: &str) -> &'a str {
    metadata.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn now() -> Value {
    written(clock::now()).into()
}

/// Makes a body say its kind, and the namespace that the path says.
///
/// # Errors
/// It says another namespace, or is no object.
pub(super) fn settle(kind: &Kind, namespace: &str, body: &mut Value) -> Result<(), Status> {
    let Value::Object(fields) = body else { return Err(Status::bad_request("the body is not a JSON object")) };
    fields.entry("apiVersion").or_insert_with(|| kind.api_version().into());
    fields.entry("kind").or_insert_with(|| kind.kind().into());
    settle_namespace(namespace, body)
}

/// Makes a body say the namespace that the path says, which is empty for what is in none.
///
/// # Errors
/// It says another.
pub fn settle_namespace(namespace: &str, body: &mut Value) -> Result<(), Status> {
    let metadata = metadata(body);
    let own = text(metadata, "namespace");
    if namespace.is_empty() {
        metadata.remove("namespace");
    } else if own.is_empty() {
        metadata.insert("namespace".into(), namespace.into());
    } else if own != namespace {
        return Err(Status::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    Ok(())
}

/// The name in an update's body must be the path's.
pub(super) fn check_name(target: &Target, body: &mut Value) -> Result<(), Status> {
    let url = &target.name;
    match text(metadata(body), "name") {
        "" => Err(Status::bad_request(format!("the name of the object ({url} based on URL) was undeterminable: name must be provided"))),
        name if name != url => {
            Err(Status::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({url})")))
        }
        _ => Ok(()),
    }
}

impl Api {
    /// Names a new object that has none but a `generateName`; says whether it did.
    pub(super) fn generate_name(&self, kind: &Kind, object: &mut Value) -> bool {
        let metadata = metadata(object);
        let prefix = text(metadata, "generateName");
        if prefix.is_empty() || !text(metadata, "name").is_empty() {
            return false;
        }
        let prefix: String = prefix.chars().take(GENERATED_PREFIX).collect();
        let namespace = text(metadata, "namespace");
        let given = self.0.settings.identities.as_ref().and_then(|given| given.name(&kind.collection, namespace, &prefix));
        let name = given.unwrap_or_else(|| format!("{prefix}{}", self.suffix()));
        metadata.insert("name".into(), name.into());
        true
    }

    /// The metadata of a new object (`rest.FillObjectMetaSystemFields`).
    pub(super) fn begin(&self, kind: &Kind, object: &mut Value) {
        let metadata = metadata(object);
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
            metadata.remove(field);
        }
        drop_managed_fields(metadata);
        let key = super::key(kind, text(metadata, "namespace"), text(metadata, "name"));
        let given = self.0.settings.identities.as_ref().and_then(|given| given.uid(&key));
        metadata.insert("uid".into(), given.unwrap_or_else(|| self.uid()).into());
        metadata.insert("creationTimestamp".into(), now());
        if kind.traits.generation {
            metadata.insert("generation".into(), 1.into());
        }
    }
}

/// The metadata of a changed object (`rest.BeforeUpdate`): what clients leave out of the server's is kept.
pub(super) fn carry_over(new: &mut Value, old: &Value) {
    let new = metadata(new);
    let old = &old["metadata"];
    for field in ["selfLink", "resourceVersion", "creationTimestamp", "generation"] {
        new.remove(field);
    }
    drop_managed_fields(new);
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        let given = new.get(field).is_some_and(|value| !value.is_null() && value != "");
        match old.get(field) {
            Some(value) if !given => {
                new.insert(field.to_owned(), value.clone());
            }
            None if !given => {
                new.remove(field);
            }
            _ => {}
        }
    }
}

/// What is wrong with an update's metadata, as upstream's registry finds it before the kind's own rules are asked.
pub(super) fn judge(kind: &Kind, new: &Value, old: &Value) -> ErrorList {
    if is_unchanged(&new["metadata"], &old["metadata"]) {
        // It was judged when it was written.
        return ErrorList::default();
    }
    let typed = |object: &Value| ObjectMeta::deserialize(&object["metadata"]).map_err(|error| error.to_string());
    let (meta, before) = match (typed(new), typed(old)) {
        (Ok(meta), Ok(before)) => (meta, before),
        (Err(why), _) | (_, Err(why)) => return why.into(),
    };
    let path = Path::new("metadata");
    let judge = if kind.custom.is_some() { accessor_meta } else { named_object_meta };
    let mut errors = judge(&meta, kind.is_namespaced(), dns_subdomain, &path);
    // The name is as it was: its form is not in question.
    errors.0.retain(|error| error.field != "metadata.name" && error.field != "metadata.generateName");
    errors.extend(immutable(new, old));
    errors.extend(object_meta_update(&meta, &before, &path));
    errors
}

/// Whether two metadata are the same but for the revision, which no update carries.
fn is_unchanged(new: &Value, old: &Value) -> bool {
    fn fields(metadata: &Value) -> impl Iterator<Item = (&String, &Value)> {
        metadata.as_object().into_iter().flatten().filter(|(field, _)| *field != "resourceVersion")
    }
    fields(new).eq(fields(old))
}

/// What of the metadata an update cannot change.
pub(super) fn immutable(new: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::default();
    for field in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (new, old) = (&new["metadata"][field], &old["metadata"][field]);
        if new != old {
            errors.push(FieldErrorKind::Invalid, format!("metadata.{field}"), format!("Invalid value: {new}: field is immutable"));
        }
    }
    errors
}

/// The one place where `managedFields` enter and leave an object: what clients send is dropped, none are kept.
fn drop_managed_fields(metadata: &mut Map<String, Value>) {
    metadata.remove("managedFields");
}

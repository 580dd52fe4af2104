//! What is known of the objects of one version of a custom resource.

use std::sync::{Arc, OnceLock};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::schema::Structural;
use super::{Scale, default, embedded, lists, prune, rules, value};
use crate::api::kinds::{Judge, Subresource, Verdict};
use crate::api::object::Object;
use crate::api::validation::format::dns_subdomain;
use crate::api::validation::object_meta::accessor_meta;
use crate::api::validation::{ErrorList, FieldErrorKind, Path};
use crate::runtime::store::{Revision, Stored};

/// What all versions have in common.
#[derive(Debug)]
pub struct Family {
    /// The definition's name.
    pub name: String,
    pub group: String,
    pub kind: String,
    pub is_namespaced: bool,
    /// The definition is being deleted: there are to be no new objects.
    pub is_terminating: bool,
    /// The version in which objects are stored.
    pub storage: String,
    /// Of the definition: what was written later is as it says.
    pub since: Revision,
    pub versions: Vec<Version>,
    definition: Object,
}

#[derive(Debug)]
pub struct Version {
    pub name: String,
    schema: OnceLock<Structural>,
}

/// One version of a custom resource.
#[derive(Debug)]
pub struct Instances {
    family: Arc<Family>,
    version: usize,
    pub scale: Option<Scale>,
    pub has_status: bool,
}

static EMPTY: Structural = Structural::EMPTY;

impl Family {
    pub fn new(definition: &Object, value: &Value, names: &super::Names) -> Self {
        let spec = &value["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
        let storage = versions.iter().find(|version| version["storage"] == true).map(|version| text(&version["name"]));
        Self {
            name: definition.name().to_owned(),
            group: text(&spec["group"]),
            kind: names.kind.clone(),
            is_namespaced: spec["scope"] == "Namespaced",
            is_terminating: definition.meta().deletion_timestamp.is_some(),
            storage: storage.unwrap_or_default(),
            since: definition.revision(),
            versions: versions.iter().map(|version| Version { name: text(&version["name"]), schema: OnceLock::new() }).collect(),
            definition: definition.clone(),
        }
    }

    /// The schema of a version, compiled when it is first asked for.
    fn schema(&self, version: usize) -> &Structural {
        self.versions.get(version).map_or(&EMPTY, |known| {
            known.schema.get_or_init(|| {
                let definition = self.definition.value();
                let mut schema = Structural::compile(&definition["spec"]["versions"][version]["schema"]["openAPIV3Schema"]);
                schema.preserves |= definition["spec"]["preserveUnknownFields"] == true;
                schema
            })
        })
    }
}

impl Instances {
    pub fn new(family: &Arc<Family>, version: usize, scale: Option<Scale>, has_status: bool) -> Self {
        Self { family: family.clone(), version, scale, has_status }
    }

    pub fn group(&self) -> &str {
        &self.family.group
    }

    pub fn kind(&self) -> &str {
        &self.family.kind
    }

    pub fn version(&self) -> &str {
        &self.family.versions[self.version].name
    }

    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group(), self.version())
    }

    /// The name of the definition.
    pub fn definition(&self) -> &str {
        &self.family.name
    }

    /// The revision of the definition.
    pub fn since(&self) -> Revision {
        self.family.since
    }

    pub fn is_terminating(&self) -> bool {
        self.family.is_terminating
    }

    pub fn schema(&self) -> &Structural {
        self.family.schema(self.version)
    }

    /// The schema as the definition says it.
    pub fn declared(&self) -> Value {
        self.family.definition.value()["spec"]["versions"][self.version]["schema"]["openAPIV3Schema"].take()
    }

    /// A stored object is as this version shows it.
    pub fn shows(&self, object: &Object) -> bool {
        object.revision() > self.family.since && object.type_meta().0.rsplit('/').next() == Some(self.version())
    }

    pub fn complete(&self, object: &mut Value) {
        default::defaults(object, self.schema());
    }

    /// Makes an object of this version one that is stored.
    pub fn to_stored(&self, object: &mut Value) {
        if self.family.storage == self.version() {
            return;
        }
        object["apiVersion"] = format!("{}/{}", self.group(), self.family.storage).into();
        let storage = self.family.versions.iter().position(|version| version.name == self.family.storage);
        let schema = storage.map_or(&EMPTY, |storage| self.family.schema(storage));
        prune::prune(object, schema);
        default::drop_nulls(object, schema);
        default::defaults(object, schema);
    }

    /// Makes a stored object one of this version: what its own version does not know of by now is gone, and what it has by default is there;
    /// then this one's schema is heeded.
    pub fn from_stored(&self, object: &mut Value) {
        let stored = object["apiVersion"].as_str().and_then(|version| version.rsplit('/').next());
        let stored = self.family.versions.iter().position(|version| Some(version.name.as_str()) == stored);
        let (stored, own) = (stored.map_or(&EMPTY, |stored| self.family.schema(stored)), self.schema());
        prune::prune(object, stored);
        default::drop_nulls(object, stored);
        default::defaults(object, stored);
        if !std::ptr::eq(stored, own) {
            object["apiVersion"] = self.api_version().into();
            prune::prune(object, own);
        }
    }

    pub fn prepare_create(&self, object: &mut Value) {
        if self.has_status {
            object.as_object_mut().map(|fields| fields.remove("status"));
        }
    }

    /// By its status subresource nothing of an object changes but its status.
    pub fn prepare_update(new: &mut Value, old: &Value, subresource: Option<Subresource>) {
        if subresource == Some(Subresource::Status) {
            new["metadata"] = old["metadata"].clone();
            new["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
        }
    }

    /// What upstream's strategy finds beside the schema.
    fn judge_rest(&self, new: &Value, old: Option<&Value>, errors: &mut ErrorList) {
        let schema = self.schema();
        let duplicates = |object: &Value| {
            let mut found = ErrorList::default();
            lists::duplicates(object, schema, &Path::ROOT, &mut found);
            found
        };
        let found = duplicates(new);
        if !found.is_empty() && old.is_none_or(|old| duplicates(old).is_empty()) {
            errors.extend(found);
        }
        if !schema.has_rules {
            return;
        }
        if errors.0.iter().any(|error| is_blocking(error.kind)) {
            let why =
                "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(FieldErrorKind::Invalid, "<nil>", format!("Invalid value: null: {why}"));
        } else {
            rules::judge(new, old, schema, errors);
        }
    }
}

/// An error after which rules are not asked.
fn is_blocking(kind: FieldErrorKind) -> bool {
    use FieldErrorKind as K;
    matches!(kind, K::NotSupported | K::Required | K::TooLong | K::TooMany | K::TypeInvalid)
}

impl Judge for Arc<Instances> {
    fn create(&self, new: &Value) -> Verdict {
        let meta = ObjectMeta::deserialize(&new["metadata"]).unwrap_or_default();
        let mut errors = accessor_meta(&meta, self.family.is_namespaced, dns_subdomain, &Path::new("metadata"));
        errors.extend(value::judge(new, None, self.schema(), &Path::ROOT));
        if let Some(scale) = &self.scale {
            scale.judge_spec(new, &mut errors);
            scale.judge_status(new, &mut errors);
        }
        embedded::judge(new, self.schema(), &Path::ROOT, &mut errors);
        self.judge_rest(new, None, &mut errors);
        Verdict { errors, warnings: warnings(new, None) }
    }

    fn update(&self, subresource: Option<Subresource>, new: &Value, old: &Value) -> Verdict {
        let mut errors = ErrorList::default();
        if subresource == Some(Subresource::Status) {
            if let (Some(status), Some(schema)) = (new.get("status"), self.schema().field("status")) {
                errors.extend(value::judge(status, old.get("status"), schema, &Path::new("status")));
            }
        } else {
            errors.extend(value::judge(new, Some(old), self.schema(), &Path::ROOT));
            if let Some(scale) = &self.scale {
                scale.judge_spec(new, &mut errors);
            }
        }
        if let Some(scale) = &self.scale {
            scale.judge_status(new, &mut errors);
        }
        if subresource.is_none() {
            embedded::judge(new, self.schema(), &Path::ROOT, &mut errors);
        }
        self.judge_rest(new, Some(old), &mut errors);
        Verdict { errors, warnings: warnings(new, Some(old)) }
    }
}

/// Finalizers that are new and whose names may be somebody else's, too.
fn warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    const KNOWN: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];
    fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
        object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
    let is_new = |name: &&str| !old.is_some_and(|old| finalizers(old).any(|known| known == *name));
    let strange = finalizers(new).filter(|name| !name.contains('/') && !KNOWN.contains(name)).filter(is_new);
    let warning = |name| {
        format!(
            "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"
        )
    };
    strange.map(warning).collect()
}

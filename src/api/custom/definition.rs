//! From a stored definition to the kinds that it declares.

use std::sync::Arc;

use serde_json::Value;

use super::instances::Family;
use super::json_path::JsonPath;
use super::{Instances, Scale, columns};
use crate::api::kinds::{Column, Kind, Scope, Selectable, Subresource};
use crate::api::object::Object;

/// The finalizer by which a definition waits for its instances to go.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The names that were accepted.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub list_kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
}

/// All that a version of a definition says.
pub struct Resource {
    pub group: String,
    pub version: String,
    pub names: Names,
    pub scope: Scope,
    pub subresources: Vec<Subresource>,
    pub columns: Vec<Column>,
    pub selectable: Vec<Selectable>,
    pub collection: Arc<str>,
    pub deprecation: Option<String>,
    pub instances: Arc<Instances>,
}

impl Names {
    fn of(value: &Value) -> Self {
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let texts =
            |field: &str| value[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        Self {
            plural: text("plural"),
            singular: text("singular"),
            kind: text("kind"),
            list_kind: text("listKind"),
            short_names: texts("shortNames"),
            categories: texts("categories"),
        }
    }
}

/// The kind in whose version the objects of a definition are stored, whether or not that version is served.
pub fn stored(definition: &Object) -> Option<Kind> {
    let value = definition.value();
    let names = Names::of(&value["status"]["acceptedNames"]);
    let family = Arc::new(Family::new(definition, &value, &names));
    let versions = value["spec"]["versions"].as_array()?;
    let (index, version) = versions.iter().enumerate().find(|(_, version)| version["storage"] == true)?;
    (!names.plural.is_empty()).then(|| Kind::of_definition(resource(&family, &names, index, version)))
}

/// The kinds of a definition that is established: one for each version that is served.
pub fn kinds(definition: &Object) -> Vec<Kind> {
    let value = definition.value();
    let is_established = value["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
    if !is_established {
        return Vec::new();
    }
    let names = Names::of(&value["status"]["acceptedNames"]);
    let family = Arc::new(Family::new(definition, &value, &names));
    let versions = value["spec"]["versions"].as_array().map_or(&[][..], Vec::as_slice).iter().enumerate();
    // No webhook is asked to convert: what only one could show is not shown wrong.
    let is_converted = value["spec"]["conversion"]["strategy"] == "Webhook";
    let served = versions.filter(|(_, version)| version["served"] == true && (version["storage"] == true || !is_converted));
    served.map(|(index, version)| Kind::of_definition(resource(&family, &names, index, version))).collect()
}

fn resource(family: &Arc<Family>, names: &Names, index: usize, version: &Value) -> Resource {
    let is_set = |field: &str| version["subresources"].get(field).is_some_and(|value| !value.is_null());
    let scale = Scale::of(version);
    let name = family.versions[index].name.clone();
    let mut subresources = Vec::new();
    subresources.extend(is_set("status").then_some(Subresource::Status));
    subresources.extend(scale.is_some().then_some(Subresource::Scale));
    let deprecation = (version["deprecated"] == true).then(|| {
        let own = version["deprecationWarning"].as_str().map(str::to_owned);
        own.unwrap_or_else(|| format!("{}/{name} {} is deprecated", family.group, family.kind))
    });
    Resource {
        group: family.group.clone(),
        version: name,
        names: names.clone(),
        scope: if family.is_namespaced { Scope::Namespaced } else { Scope::Cluster },
        subresources,
        columns: columns(version),
        selectable: selectable(version),
        collection: format!("{}/{}", family.group, names.plural).into(),
        deprecation,
        instances: Arc::new(Instances::new(family, index, scale, is_set("status"))),
    }
}

/// Fields by which objects can be selected; what is no plain path to a field has been refused.
fn selectable(version: &Value) -> Vec<Selectable> {
    let paths = version["selectableFields"].as_array().into_iter().flatten().filter_map(|field| field["jsonPath"].as_str());
    let parsed = paths.filter(|path| JsonPath::parse(path).is_ok());
    let selectable = parsed.map(|path| {
        let name = path.trim_start_matches('.').to_owned();
        Selectable { pointer: format!("/{}", name.replace('.', "/")).into(), name: name.into(), absent: "" }
    });
    selectable.collect()
}

//! OpenAPI documents of what is served: enough for clients to explain types, to find out what the verbs take and to merge
//! (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition>).

mod declared;
mod gnostic;
mod paths;
mod schemas;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::api::kinds::{KindRef, Registry};

/// The two forms of OpenAPI; they differ in where schemas stand and how parameters are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edition {
    V2,
    V3,
}

/// One document, encoded.
#[derive(Clone, Debug)]
pub struct Document {
    pub json: Bytes,
    /// Of `/openapi/v2` only: clients that read protobuf there read JSON elsewhere.
    pub protobuf: Option<Bytes>,
    /// Changes when the document does: what `?hash=` of its address and its ETag say.
    pub hash: String,
}

/// All documents of a server.
#[derive(Debug)]
pub struct Documents {
    /// `/openapi/v3`: where the others are.
    pub index: Document,
    /// `/openapi/v3/<path>`, by the path: `api/v1`, `apis/apps/v1`.
    pub versions: BTreeMap<String, Document>,
    /// `/openapi/v2`
    pub all: Document,
}

/// Describes all kinds of a registry.
pub fn documents(registry: &Registry) -> Documents {
    let mut kinds: BTreeMap<String, Vec<&KindRef>> = BTreeMap::new();
    for kind in registry.all() {
        kinds.entry(paths::root(kind)).or_default().push(kind);
    }
    let versions: BTreeMap<String, Document> =
        kinds.into_iter().map(|(root, kinds)| (root, Document::new(&described(Edition::V3, &kinds)))).collect();
    let addresses: Map<String, Value> = versions
        .iter()
        .map(|(root, document)| (root.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{root}?hash={}", document.hash)})))
        .collect();
    let all = described(Edition::V2, &registry.all().collect::<Vec<_>>());
    let protobuf = Some(gnostic::encode(&all).into());
    Documents { index: Document::new(&json!({"paths": addresses})), versions, all: Document { protobuf, ..Document::new(&all) } }
}

impl Document {
    fn new(value: &Value) -> Self {
        let json = value.to_string();
        let hash = Sha256::digest(&json).iter().map(|byte| format!("{byte:02X}")).collect();
        Self { json: json.into(), protobuf: None, hash }
    }
}

fn described(edition: Edition, kinds: &[&KindRef]) -> Value {
    let info = json!({"title": "Kubernetes", "version": "unversioned"});
    let paths: Map<String, Value> = kinds.iter().flat_map(|kind| paths::of(edition, kind)).collect();
    let schemas = schemas::reachable(edition, kinds);
    match edition {
        Edition::V2 => json!({"swagger": "2.0", "info": info, "paths": paths, "definitions": schemas}),
        Edition::V3 => json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(document: &Document) -> Value {
        serde_json::from_slice(&document.json).unwrap()
    }

    /// All `$ref`s below a value.
    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(fields) => fields
                .iter()
                .flat_map(|(name, value)| match value.as_str().filter(|_| name == "$ref") {
                    Some(target) => vec![target.to_owned()],
                    None => references(value),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_version_is_in_the_index_and_no_reference_dangles() {
        let documents = documents(Registry::built_in());
        let index = parsed(&documents.index);
        for (root, document) in &documents.versions {
            let address = index["paths"][root]["serverRelativeURL"].as_str().unwrap();
            assert_eq!(address, format!("/openapi/v3/{root}?hash={}", document.hash));
        }
        for document in documents.versions.values().chain([&documents.all]) {
            let value = parsed(document);
            for reference in references(&value) {
                assert!(value.pointer(&reference[1..]).is_some(), "{reference}");
            }
        }
    }

    #[test]
    fn a_kind_is_described_by_its_paths_and_its_schema() {
        let documents = documents(Registry::built_in());
        let core = parsed(&documents.versions["api/v1"]);
        assert_eq!((&core["openapi"], &core["info"]["title"]), (&json!("3.0.0"), &json!("Kubernetes")));
        let pod = json!({"group": "", "version": "v1", "kind": "Pod"});
        assert_eq!(core["paths"]["/api/v1/pods"]["get"]["x-kubernetes-group-version-kind"], pod);
        let patch = &core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
        assert_eq!(patch["x-kubernetes-group-version-kind"], pod);
        assert!(patch["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "fieldValidation"));
        assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_some());
        assert!(core["paths"].get("/api/v1/namespaces/{namespace}/nodes").is_none());
        let schema = &core["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
        assert_eq!(schema["x-kubernetes-group-version-kind"], json!([pod]));
        let spec = &core["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"];
        assert_eq!(spec["properties"]["containers"]["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(spec["required"], json!(["containers"]));
    }
}

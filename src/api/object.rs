//! An object: its JSON bytes, which are the truth, and a small typed index of its metadata.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::runtime::store::{Revision, Stored};

/// An immutable object as of one revision. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct Object(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Bytes,
    revision: Revision,
    layout: Layout,
    meta: Arc<Meta>,
    fields: OnceLock<Box<[Box<str>]>>,
}

/// Where things stand within the bytes. They are laid out as
/// `{"kind":…,"apiVersion":…,"metadata":{"resourceVersion":"…",…},…}`, so no text of a client's can come before these places.
#[derive(Clone, Debug)]
struct Layout {
    /// The `"metadata"` key.
    metadata: usize,
    /// `"resourceVersion":"…",`, or the empty range where it belongs when the object has none.
    revision: Range<usize>,
}

/// The part of `metadata` that everybody asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    pub name: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    pub uid: String,
    pub generation: i64,
    pub creation_timestamp: Option<Timestamp>,
    pub deletion_timestamp: Option<Timestamp>,
    pub deletion_grace_period_seconds: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerReference>,
    pub finalizers: Vec<String>,
}

/// Who owns an object (`metadata.ownerReferences[]`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
    pub block_owner_deletion: bool,
}

impl Meta {
    /// The owner that manages this object, if any.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

impl Object {
    /// Encodes a whole object (with `apiVersion`, `kind` and a name), without a `metadata.resourceVersion`: the commit puts it in.
    ///
    /// # Errors
    /// The value is no object, or its metadata are malformed.
    pub fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else { return Err("not a JSON object".to_owned()) };
        let Some(Value::Object(mut metadata)) = fields.remove("metadata") else { return Err("the object has no metadata".to_owned()) };
        metadata.remove("resourceVersion");
        let metadata = Value::Object(metadata);
        let meta = Meta::deserialize(&metadata).map_err(|error| format!("metadata: {error}"))?;
        if meta.name.is_empty() {
            return Err("the object has no name".to_owned());
        }
        let (bytes, layout) = encode(&mut fields, &metadata)?;
        Ok(Self::new(bytes, Revision(0), layout, Arc::new(meta)))
    }

    fn new(bytes: Vec<u8>, revision: Revision, layout: Layout, meta: Arc<Meta>) -> Self {
        Self(Arc::new(Inner { bytes: bytes.into(), revision, layout, meta, fields: OnceLock::new() }))
    }

    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    pub fn name(&self) -> &str {
        &self.0.meta.name
    }

    /// Empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        &self.0.meta.namespace
    }

    pub fn uid(&self) -> &str {
        &self.0.meta.uid
    }

    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0.meta.labels
    }

    /// The object's JSON as it is sent to every client.
    pub fn json(&self) -> &Bytes {
        &self.0.bytes
    }

    /// What follows `{"kind":…,"apiVersion":…,` in [`Object::json`]: within a list, whose kind says it for all, an item is `{` and this.
    pub fn untyped_json(&self) -> &[u8] {
        &self.0.bytes[self.0.layout.metadata..]
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.0.bytes).expect("an object's bytes are JSON that this process wrote or checked")
    }

    /// The object as its Rust type. Costs some 11 µs for a pod: keep projections, not this.
    pub fn parse<K: DeserializeOwned>(&self) -> Result<K, serde_json::Error> {
        serde_json::from_slice(&self.0.bytes)
    }

    /// What `read` finds in the object, worked out once however many ask. All who ask one object must ask for the same:
    /// the selectable fields of its kind.
    pub fn fields(&self, read: impl FnOnce(&[u8]) -> Box<[Box<str>]>) -> &[Box<str>] {
        self.0.fields.get_or_init(|| read(&self.0.bytes))
    }
}

/// Lays the object out as [`Layout`] says.
fn encode(fields: &mut Map<String, Value>, metadata: &Value) -> Result<(Vec<u8>, Layout), String> {
    let (Some(Value::String(kind)), Some(Value::String(api_version))) = (fields.remove("kind"), fields.remove("apiVersion")) else {
        return Err("the object has no kind or apiVersion".to_owned());
    };
    let json = |into: &mut Vec<u8>, part: &Value| serde_json::to_writer(into, part).map_err(|error| error.to_string());
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(b"{\"kind\":");
    json(&mut bytes, &kind.into())?;
    bytes.extend_from_slice(b",\"apiVersion\":");
    json(&mut bytes, &api_version.into())?;
    bytes.push(b',');
    let start = bytes.len();
    bytes.extend_from_slice(METADATA);
    let revision = bytes.len();
    // The metadata's own opening brace is the one just written.
    bytes.pop();
    json(&mut bytes, metadata)?;
    for (name, value) in fields.iter() {
        bytes.push(b',');
        serde_json::to_writer(&mut bytes, name).map_err(|error| error.to_string())?;
        bytes.push(b':');
        json(&mut bytes, value)?;
    }
    bytes.push(b'}');
    Ok((bytes, Layout { metadata: start, revision: revision..revision }))
}

const METADATA: &[u8] = b"\"metadata\":{";
const REVISION: &[u8] = b"\"resourceVersion\":\"";

/// The layout of bytes that [`encode`] wrote, with a resource version; `None` for any other bytes.
fn layout_of(bytes: &[u8]) -> Option<Layout> {
    // Neither a kind nor a version holds a quotation mark, so the first match is the object's own.
    let metadata = bytes.windows(METADATA.len()).position(|window| window == METADATA)?;
    let start = metadata + METADATA.len();
    let digits = bytes[start..].strip_prefix(REVISION)?;
    let end = start + REVISION.len() + digits.iter().position(|byte| *byte == b',')? + 1;
    let head = bytes.strip_prefix(b"{\"kind\":\"")?;
    (head.len() >= metadata && bytes[..metadata].iter().filter(|byte| **byte == b'"').count() == 8)
        .then_some(Layout { metadata, revision: start..end })
}

impl Stored for Object {
    fn at(&self, revision: Revision) -> Self {
        let Inner { bytes, layout, meta, .. } = &*self.0;
        let Range { start, end } = layout.revision.clone();
        let mut sealed = Vec::with_capacity(bytes.len() + 48);
        sealed.extend_from_slice(&bytes[..start]);
        if revision > Revision(0) {
            sealed.extend_from_slice(REVISION);
            sealed.extend_from_slice(revision.to_string().as_bytes());
            sealed.extend_from_slice(b"\",");
        }
        let layout = Layout { metadata: layout.metadata, revision: start..sealed.len() };
        sealed.extend_from_slice(&bytes[end..]);
        Self::new(sealed, revision, layout, meta.clone())
    }

    fn revision(&self) -> Revision {
        self.0.revision
    }

    fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    fn restore(bytes: Bytes, revision: Revision) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            metadata: Meta,
        }
        let Some(layout) = layout_of(&bytes) else {
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            return Ok(Self::from_value(value)?.at(revision));
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let stored = Inner { bytes, revision, layout, meta: Arc::new(head.metadata), fields: OnceLock::new() };
        Ok(Self(Arc::new(stored)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        let labels = json!({"a": "\"metadata\":{\"resourceVersion\":\"7\",", "\u{1}resourceVersion\u{1}": "x"});
        let metadata = json!({"name": "n", "namespace": "d", "resourceVersion": "mine", "labels": labels});
        Object::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"resourceVersion": "5"}, "metadata": metadata}))
            .unwrap()
    }

    #[test]
    fn the_revision_is_written_into_the_metadata_whatever_else_looks_like_it() {
        for revision in [Revision(1), Revision(12_345_678_901)] {
            let sealed = object().at(Revision(99)).at(revision);
            let value = sealed.value();
            assert_eq!(value["metadata"]["resourceVersion"], revision.to_string());
            assert_eq!(value["data"]["resourceVersion"], "5");
            assert_eq!(value["metadata"]["labels"]["a"], "\"metadata\":{\"resourceVersion\":\"7\",");
        }
        assert_eq!(object().at(Revision(4)).at(Revision(0)).value()["metadata"].get("resourceVersion"), None);
    }

    #[test]
    fn what_was_stored_is_restored_as_it_was() {
        let stored = object().at(Revision(42));
        let restored = Object::restore(stored.json().clone(), Revision(42)).unwrap();
        assert_eq!(restored.json(), stored.json());
        assert_eq!(restored.at(Revision(43)).json(), stored.at(Revision(43)).json());
        assert_eq!(restored.labels(), stored.labels());
        let foreign = serde_json::to_vec(&stored.value()).unwrap();
        assert_eq!(Object::restore(foreign.into(), Revision(42)).unwrap().json(), stored.json());
    }

    #[test]
    fn an_item_of_a_list_is_the_object_without_its_kind() {
        let sealed = object().at(Revision(3));
        let item = [b"{", sealed.untyped_json()].concat();
        let mut value = sealed.value();
        value.as_object_mut().unwrap().retain(|name, _| name != "kind" && name != "apiVersion");
        assert_eq!(serde_json::from_slice::<Value>(&item).unwrap(), value);
    }
}

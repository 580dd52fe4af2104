//! An object: its JSON bytes, which are the truth, and a small typed index of its metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::kinds::glance;
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
    /// In another encoding.
    encoded: OnceLock<Box<[u8]>>,
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
    pub fn from_value(mut value: Value) -> Result<Self, String> {
        let (metadata, meta) = metadata_of(&mut value)?;
        let Value::Object(fields) = &value else { return Err("not a JSON object".to_owned()) };
        let (Some(Value::String(kind)), Some(Value::String(api_version))) = (fields.get("kind"), fields.get("apiVersion")) else {
            return Err("the object has no kind or apiVersion".to_owned());
        };
        let rest = fields.iter().filter(|(name, _)| *name != "kind" && *name != "apiVersion");
        let rest = rest.map(|(name, value)| (name.as_str(), Field::Value(value)));
        let (bytes, layout) = encode((api_version, kind), &metadata, rest)?;
        Ok(Self::new(bytes, Revision(0), layout, Arc::new(meta)))
    }

    fn new(bytes: Vec<u8>, revision: Revision, layout: Layout, meta: Arc<Meta>) -> Self {
        Self(Arc::new(Inner { bytes: bytes.into(), revision, layout, meta, fields: OnceLock::new(), encoded: OnceLock::new() }))
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

    /// `apiVersion` and `kind`.
    pub fn type_meta(&self) -> (&str, &str) {
        let head = std::str::from_utf8(&self.0.bytes[..self.0.layout.metadata]).unwrap_or_default();
        // {"kind":"…","apiVersion":"…",
        let mut texts = head.split('"').skip(3).step_by(4);
        let kind = texts.next().unwrap_or_default();
        (texts.next().unwrap_or_default(), kind)
    }

    /// What follows `{"kind":…,"apiVersion":…,` in [`Object::json`]: within a list, whose kind says it for all, an item is `{` and this.
    pub fn untyped_json(&self) -> &[u8] {
        &self.0.bytes[self.0.layout.metadata..]
    }

    /// What it is, its metadata, and what stands at pointers to fields (`/spec/nodeName`): an object that lacks the rest.
    pub fn parts(&self, pointers: &[&'static str]) -> Value {
        let wanted: Vec<&'static str> = HEAD.iter().chain(pointers).copied().collect();
        let mut parts = Value::Object(Map::new());
        for (pointer, found) in wanted.iter().zip(glance(&self.0.bytes, &wanted)) {
            if let Some(found) = found {
                *pointer.split('/').skip(1).fold(&mut parts, |place, field| &mut place[field]) = found;
            }
        }
        parts
    }

    /// The object with other metadata and another status, and the rest of its bytes as they are; `parts` holds nothing else that counts.
    ///
    /// # Errors
    /// The metadata are malformed.
    pub fn with_status(&self, mut parts: Value) -> Result<Self, String> {
        let mut old: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(&self.0.bytes).map_err(|error| error.to_string())?;
        old.retain(|field, _| !matches!(&**field, "kind" | "apiVersion" | "metadata" | "status"));
        let status = parts.as_object_mut().and_then(|parts| parts.remove("status"));
        let mut fields: BTreeMap<&str, Field<'_>> = old.iter().map(|(name, value)| (&**name, Field::Raw(value))).collect();
        fields.extend(status.as_ref().map(|status| ("status", Field::Value(status))));
        let (metadata, meta) = metadata_of(&mut parts)?;
        let (bytes, layout) = encode(self.type_meta(), &metadata, fields)?;
        Ok(Self::new(bytes, Revision(0), layout, Arc::new(meta)))
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

    /// The object in another encoding than JSON, made when it is first asked for, and then shared by all who read it. There is one such
    /// encoding.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn encoded<E>(&self, encode: impl FnOnce(&[u8]) -> Result<Box<[u8]>, E>) -> Result<&[u8], E> {
        if self.0.encoded.get().is_none() {
            let encoded = encode(&self.0.bytes)?;
            // Whoever was faster has made the same.
            let _ = self.0.encoded.set(encoded);
        }
        Ok(self.0.encoded.get().expect("it was just set"))
    }
}

/// Takes the metadata out of an object, without their resource version.
fn metadata_of(object: &mut Value) -> Result<(Value, Meta), String> {
    let fields = object.as_object_mut().ok_or("not a JSON object")?;
    let Some(Value::Object(mut metadata)) = fields.remove("metadata") else { return Err("the object has no metadata".to_owned()) };
    metadata.remove("resourceVersion");
    let metadata = Value::Object(metadata);
    let meta = Meta::deserialize(&metadata).map_err(|error| format!("metadata: {error}"))?;
    if meta.name.is_empty() {
        return Err("the object has no name".to_owned());
    }
    Ok((metadata, meta))
}

/// A field's value, to be written.
#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Value(&'a Value),
    Raw(&'a RawValue),
}

/// Lays the object out as [`Layout`] says: `apiVersion` and `kind`, the metadata, and the other fields, in order.
fn encode<'a>(
    (api_version, kind): (&str, &str),
    metadata: &Value,
    fields: impl IntoIterator<Item = (&'a str, Field<'a>)>,
) -> Result<(Vec<u8>, Layout), String> {
    fn json(into: &mut Vec<u8>, part: &impl Serialize) -> Result<(), String> {
        serde_json::to_writer(into, part).map_err(|error| error.to_string())
    }
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(b"{\"kind\":");
    json(&mut bytes, &kind)?;
    bytes.extend_from_slice(b",\"apiVersion\":");
    json(&mut bytes, &api_version)?;
    bytes.push(b',');
    let start = bytes.len();
    bytes.extend_from_slice(METADATA);
    let revision = bytes.len();
    // The metadata's own opening brace is the one just written.
    bytes.pop();
    json(&mut bytes, metadata)?;
    for (name, value) in fields {
        bytes.push(b',');
        json(&mut bytes, &name)?;
        bytes.push(b':');
        json(&mut bytes, &value)?;
    }
    bytes.push(b'}');
    Ok((bytes, Layout { metadata: start, revision: revision..revision }))
}

/// What every object has.
const HEAD: [&str; 3] = ["/kind", "/apiVersion", "/metadata"];
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
        let stored = Inner { bytes, revision, layout, meta: Arc::new(head.metadata), fields: OnceLock::new(), encoded: OnceLock::new() };
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
    fn a_status_takes_the_place_of_another_and_the_rest_stays() {
        let whole = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "labels": {"a": "b"}},
            "spec": {"status": "\"status\":{", "nodeName": "m", "restartPolicy": "Never"}, "status": {"phase": "Pending"}, "tail": [1, null],
        });
        let old = Object::from_value(whole.clone()).unwrap().at(Revision(8));
        let mut parts = old.parts(&["/status", "/spec/restartPolicy", "/spec/none"]);
        let metadata = json!({"name": "n", "labels": {"a": "b"}, "resourceVersion": "8"});
        let expected = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"restartPolicy": "Never"}, "status": {"phase": "Pending"}});
        assert_eq!(parts, expected);
        for status in [Some(json!({"phase": "Running"})), None] {
            let mut changed = whole.clone();
            changed["metadata"]["labels"] = json!({"c": "d"});
            parts["metadata"]["labels"] = json!({"c": "d"});
            for object in [&mut changed, &mut parts] {
                match &status {
                    Some(status) => object["status"] = status.clone(),
                    None => drop(object.as_object_mut().unwrap().remove("status")),
                }
            }
            let spliced = old.with_status(parts.clone()).unwrap();
            assert_eq!(spliced.at(Revision(9)).json(), Object::from_value(changed).unwrap().at(Revision(9)).json());
            assert_eq!(spliced.labels()["c"], "d");
        }
    }

    #[test]
    fn what_it_is_stands_at_its_head() {
        assert_eq!(object().type_meta(), ("v1", "ConfigMap"));
        assert_eq!(object().at(Revision(5)).type_meta(), ("v1", "ConfigMap"));
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

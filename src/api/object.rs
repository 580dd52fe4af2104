//! An object: its JSON bytes, which are the truth, and a small typed index of its metadata.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::runtime::store::{Revision, Stored};

/// An immutable object as of one revision. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct Object(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Bytes,
    revision: Revision,
    /// Where the digits of `metadata.resourceVersion` stand within the bytes.
    revision_at: Range<usize>,
    meta: Arc<Meta>,
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
    /// Encodes a whole object (with `apiVersion` and `kind`). What it says of `metadata.resourceVersion` is replaced at commit.
    ///
    /// # Errors
    /// The value is no object, or its metadata are malformed.
    pub fn from_value(mut value: Value) -> Result<Self, String> {
        let metadata = value.get_mut("metadata").and_then(Value::as_object_mut).ok_or("the object has no metadata")?;
        metadata.insert("resourceVersion".into(), MARK.into());
        let meta = Meta::deserialize(&*metadata).map_err(|error| format!("metadata: {error}"))?;
        let bytes = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
        let start = memfind(&bytes, MARK.as_bytes()).ok_or("the resourceVersion was not written")?;
        let draft = Inner { bytes: bytes.into(), revision: Revision(0), revision_at: start..start + MARK.len(), meta: Arc::new(meta) };
        Ok(Self(Arc::new(draft)).at(Revision(0)))
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

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.0.bytes).expect("an object's bytes are JSON that this process wrote or checked")
    }

    /// The object as its Rust type. Costs some 11 µs for a pod: keep projections, not this.
    pub fn parse<K: DeserializeOwned>(&self) -> Result<K, serde_json::Error> {
        serde_json::from_slice(&self.0.bytes)
    }
}

/// Stands for the resource version until the commit knows it. No client can have written it: it is put in just before encoding, and
/// the first occurrence in key order within `metadata` is found by its unlikely text.
const MARK: &str = "\u{1}resourceVersion\u{1}";

fn memfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

impl Stored for Object {
    fn at(&self, revision: Revision) -> Self {
        let Range { start, end } = self.0.revision_at.clone();
        let digits = revision.to_string();
        let mut bytes = Vec::with_capacity(self.0.bytes.len() + digits.len() + start - end + 8);
        bytes.extend_from_slice(&self.0.bytes[..start]);
        bytes.extend_from_slice(digits.as_bytes());
        bytes.extend_from_slice(&self.0.bytes[end..]);
        let revision_at = start..start + digits.len();
        Self(Arc::new(Inner { bytes: bytes.into(), revision, revision_at, meta: self.0.meta.clone() }))
    }

    fn revision(&self) -> Revision {
        self.0.revision
    }

    fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    fn restore(bytes: Bytes, revision: Revision) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        Ok(Self::from_value(value)?.at(revision))
    }
}

//! What a request is about.

use crate::api::kinds::{KindRef, Subresource};
use crate::api::schema;
use crate::runtime::store::Key;

/// An object, or one of its subresources.
#[derive(Clone, Debug)]
pub struct Target {
    pub kind: KindRef,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    pub name: String,
    pub subresource: Option<Subresource>,
}

impl Target {
    pub fn new(kind: &KindRef, namespace: &str, name: &str) -> Self {
        Self { kind: kind.clone(), namespace: namespace.to_owned(), name: name.to_owned(), subresource: None }
    }

    pub fn subresource(mut self, subresource: Subresource) -> Self {
        self.subresource = Some(subresource);
        self
    }

    /// What the body of a write to it is.
    pub fn body(&self) -> schema::Target<'_> {
        self.subresource.and_then(Subresource::body).unwrap_or_else(|| (&*self.kind).into())
    }

    pub(super) fn key(&self) -> Key {
        super::key(&self.kind, &self.namespace, &self.name)
    }
}

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
        let other = |schema: &'static str, group, kind| schema::Target { schema: schema.into(), group, version: "v1", kind };
        match self.subresource {
            Some(Subresource::Scale) => other("autoscaling.v1.Scale", "autoscaling", "Scale"),
            Some(Subresource::Binding) => other("core.v1.Binding", "", "Binding"),
            Some(Subresource::Eviction) => other("policy.v1.Eviction", "policy", "Eviction"),
            Some(Subresource::Token) => other("authentication.v1.TokenRequest", "authentication.k8s.io", "TokenRequest"),
            _ => (&*self.kind).into(),
        }
    }

    pub(super) fn key(&self) -> Key {
        super::key(&self.kind, &self.namespace, &self.name)
    }
}

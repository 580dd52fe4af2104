//! Which objects of a collection a list, a watch or a deletion is about.

use super::shown;
use crate::api::client::ListOptions;
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::selector::{FieldSelector, LabelSelector};
use crate::api::status::Status;

/// A namespace (empty: all) and selectors.
pub(super) struct Selection {
    pub namespace: String,
    kind: KindRef,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub fn new(kind: &KindRef, namespace: &str, options: &ListOptions) -> Result<Self, Status> {
        let labels = LabelSelector::parse(&options.label_selector)?;
        let fields = FieldSelector::parse(&options.field_selector)?;
        fields.check(kind)?;
        Ok(Self { namespace: namespace.to_owned(), kind: kind.clone(), labels, fields })
    }

    pub fn kind(&self) -> &KindRef {
        &self.kind
    }

    /// The prefix of all paths that can match.
    pub fn prefix(&self) -> String {
        if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) }
    }

    /// The one name that can match, if only one object can.
    pub fn only(&self) -> Option<&str> {
        self.fields.exact("metadata.name").filter(|_| !self.kind.is_namespaced() || !self.namespace.is_empty())
    }

    /// Everything below the prefix matches.
    pub fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// Of a stored object.
    pub fn matches(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || object.namespace() == self.namespace)
            && self.labels.matches(object.labels())
            && (self.fields.is_everything() || self.fields_match(&shown(&self.kind, object)))
    }

    fn fields_match(&self, object: &Object) -> bool {
        self.fields.matches(|field| match field {
            "metadata.name" => Some(object.name().to_owned()),
            "metadata.namespace" => Some(object.namespace().to_owned()),
            _ => self.kind.field(object, field).map(str::to_owned),
        })
    }
}

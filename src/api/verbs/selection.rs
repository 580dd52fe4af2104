//! Which objects of a collection a list or a watch is about.

use crate::api::client::ListOptions;
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::Status;

/// A namespace (empty: all) and selectors.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub namespace: String,
}

impl Selection {
    pub fn new(_kind: &KindRef, namespace: &str, _options: &ListOptions) -> Result<Self, Status> {
        Ok(Self { namespace: namespace.to_owned() })
    }

    /// The prefix of all paths that can match.
    pub fn prefix(&self) -> String {
        if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) }
    }

    /// The one name that can match, if only one can.
    pub fn only(&self) -> Option<&str> {
        None
    }

    /// Everything below the prefix matches.
    pub fn is_everything(&self) -> bool {
        true
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.namespace.is_empty() || object.namespace() == self.namespace
    }
}

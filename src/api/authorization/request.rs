//! What is asked for, as authorization sees it.

/// A request, before it is known whether what it names exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the method in lower case; what is
    /// no request has verbs of its own: `bind`, `escalate`, `impersonate`, `approve`, `sign`.
    pub verb: String,
    pub path: String,
    /// Absent where the path names no resource.
    pub resource: Option<Resource>,
    /// What the objects of a list, a watch or a deletion are selected by; empty for all else.
    pub field_selector: String,
}

/// What a path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub namespace: String,
    pub plural: String,
    pub name: String,
    pub subresource: String,
    /// What follows the subresource: a path to proxy.
    pub rest: Vec<String>,
}

impl RequestInfo {
    /// What is done to a resource.
    pub fn of(verb: &str, resource: Resource) -> Self {
        Self { verb: verb.to_owned(), resource: Some(resource), ..Self::default() }
    }
}

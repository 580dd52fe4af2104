//! What a write is, to those who are asked about it.

use serde_json::{Value, json};

use super::super::Operation;
use crate::api::kinds::{Kind, Registry};
use crate::api::object::Object;
use crate::api::verbs::User;
use crate::runtime::store::{Key, Snapshot};

/// What of an object is written, where it is not the object itself.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Empty for the object itself.
    pub subresource: &'static str,
    /// Group, version and kind of what is sent, if it is not of the object's kind.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
}

impl Part {
    pub const WHOLE: Self = Self { subresource: "", kind: None };
}

/// A write that is asked about.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    pub kind: &'a Kind,
    pub part: Part,
    pub operation: Operation,
    /// Empty for cluster-scoped kinds.
    pub namespace: &'a str,
    pub name: &'a str,
    pub user: &'a User,
    pub dry_run: bool,
    /// `CreateOptions`, `UpdateOptions`, `PatchOptions`, `DeleteOptions`.
    pub options: &'a Value,
    pub old: Option<&'a Value>,
    pub snapshot: &'a Snapshot<Object>,
    /// The kinds that are served now.
    pub registry: &'a Registry,
}

impl Operation {
    /// The word that rules and reviews use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl<'a> Attributes<'a> {
    pub fn is_namespace(&self) -> bool {
        self.kind.group().is_empty() && self.kind.plural() == "namespaces"
    }

    /// What declares webhooks and policies is not held up by them, or nobody could take a bad one away.
    pub fn is_exempt(&self) -> bool {
        self.kind.group() == "admissionregistration.k8s.io"
    }

    pub fn find_namespace(&self) -> Option<&'a Object> {
        let name = if self.is_namespace() { self.name } else { self.namespace };
        if name.is_empty() { None } else { self.snapshot.get(&Key::new("namespaces", std::sync::Arc::from(name))) }
    }

    /// The versions in which the resource is served, the one that is asked for first.
    pub fn versions(&self) -> impl Iterator<Item = &'a Kind> {
        let own = self.kind;
        let others = self.registry.all().map(|kind| &**kind);
        std::iter::once(own).chain(
            others.filter(move |kind| kind.collection == own.collection && (kind.group(), kind.version()) != (own.group(), own.version())),
        )
    }

    /// The request as expressions and reviews see it, told in the version that a rule has matched.
    pub fn request(&self, matched: &Kind) -> Value {
        let kind_of = |kind: &Kind| {
            let (group, version, name) = self.part.kind.unwrap_or((kind.group(), kind.version(), kind.kind()));
            json!({"group": group, "version": version, "kind": name})
        };
        let resource_of = |kind: &Kind| json!({"group": kind.group(), "version": kind.version(), "resource": kind.plural()});
        let mut request = json!({
            "kind": kind_of(matched),
            "resource": resource_of(matched),
            "requestKind": kind_of(self.kind),
            "requestResource": resource_of(self.kind),
            "operation": self.operation.name(),
            "userInfo": self.user.info(),
            "dryRun": self.dry_run,
            "options": self.options,
        });
        let fields = request.as_object_mut().expect("made an object above");
        let optional = [
            ("subResource", self.part.subresource),
            ("requestSubResource", self.part.subresource),
            ("name", self.name),
            ("namespace", if self.is_namespace() { self.name } else { self.namespace }),
        ];
        for (field, text) in optional {
            if !text.is_empty() {
                fields.insert(field.to_owned(), text.into());
            }
        }
        request
    }
}

/// An object of one version as another shows it.
pub fn converted(object: &Value, from: &Kind, to: &Kind) -> Value {
    let mut object = object.clone();
    if std::ptr::eq(from, to) || object.is_null() {
        return object;
    }
    if let Some(view) = &from.view {
        (view.to_stored)(&mut object);
    }
    if let Some(view) = &to.view {
        (view.from_stored)(&mut object);
    }
    object["apiVersion"] = to.api_version().into();
    object["kind"] = to.kind().into();
    object
}

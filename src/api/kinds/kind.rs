//! What a declaration of a kind can say.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::Resource;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::column::{self, Column};
use super::glance::glance;
use super::judges::{Judge, Judges, Lenient};
use crate::api::custom::{Instances, Resource as CustomResource};
use crate::api::object::Object;
use crate::api::schema::{self, Facts, Schema};

/// Kinds are shared by all who name them.
pub type KindRef = Arc<Kind>;

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// What can be asked for below an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subresource {
    Status,
    Approval,
    Scale,
    Binding,
    Eviction,
    EphemeralContainers,
    Resize,
    Finalize,
    Token,
    Log,
    Exec,
    Attach,
    PortForward,
    Proxy,
}

impl Subresource {
    /// What is sent to it, where that is no object of the kind itself.
    pub fn body(self) -> Option<schema::Target<'static>> {
        let (schema, group, kind) = match self {
            Self::Scale => ("autoscaling.v1.Scale", "autoscaling", "Scale"),
            Self::Binding => ("core.v1.Binding", "", "Binding"),
            Self::Eviction => ("policy.v1.Eviction", "policy", "Eviction"),
            Self::Token => ("authentication.v1.TokenRequest", "authentication.k8s.io", "TokenRequest"),
            _ => return None,
        };
        Some(schema::Target { schema: schema.into(), group, version: "v1", kind })
    }

    /// Its segment in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Approval => "approval",
            Self::Scale => "scale",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Finalize => "finalize",
            Self::Token => "token",
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::Proxy => "proxy",
        }
    }
}

/// A field that a field selector may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selectable {
    pub name: Cow<'static, str>,
    /// A JSON pointer.
    pub pointer: Cow<'static, str>,
    /// What the field counts as where it is absent.
    pub absent: &'static str,
}

impl Selectable {
    /// The text that a selector's value is compared with, of what stands at the pointer.
    fn text(&self, value: Option<Value>) -> Box<str> {
        match value {
            Some(Value::String(text)) => text.into(),
            None | Some(Value::Null) => self.absent.into(),
            Some(other) => other.to_string().into(),
        }
    }
}

/// A selectable field that counts as empty where it is absent.
pub const fn selectable(name: &'static str, pointer: &'static str) -> Selectable {
    Selectable { name: Cow::Borrowed(name), pointer: Cow::Borrowed(pointer), absent: "" }
}

/// How a version whose fields differ from the stored ones is read and written.
pub struct View {
    /// The group of the stored form: wrong fields are reported under it.
    pub group: Cow<'static, str>,
    pub to_stored: Defaults,
    pub from_stored: Defaults,
}

impl View {
    pub fn new(
        group: &'static str,
        to_stored: impl Fn(&mut Value) + Send + Sync + 'static,
        from_stored: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> Self {
        Self { group: group.into(), to_stored: Box::new(to_stored), from_stored: Box::new(from_stored) }
    }
}

/// Makes all objects of a kind that nobody stores; it is told what is wrong with the store, if anything is.
pub type Synthesis = fn(Option<&str>) -> Vec<Value>;

type Defaults = Box<dyn Fn(&mut Value) + Send + Sync>;
type PrepareCreate = Box<dyn Fn(&mut Value) + Send + Sync>;
type PrepareUpdate = Box<dyn Fn(&mut Value, &Value, Option<Subresource>) + Send + Sync>;

/// How writes of a kind differ from the rule (upstream: its registry strategy).
#[derive(Clone, Copy, Debug, Default)]
pub struct Traits {
    /// `metadata.generation` starts at 1 and rises with each change of what is not metadata or status.
    pub generation: bool,
    /// A PUT to a name that is not taken creates.
    pub create_on_update: bool,
    /// An update must name the `resourceVersion` that it replaces.
    pub conditional_update: bool,
    /// A deletion is answered with the object that it removed, not with a `Status`.
    pub answers_deleted: bool,
    /// A new object may say its status, as a node does that registers itself.
    pub status_on_create: bool,
    /// A deletion waits for the grace period, as a pod's does for its kubelet.
    pub graceful: bool,
    /// The specification of a new object says who asked for it: `username`, `uid`, `groups` and `extra`.
    pub says_who_asked: bool,
    /// What was asked for stays as it was created: nobody comes to manage it.
    pub constant: bool,
    /// Holds cluster IPs and node ports.
    pub addresses: bool,
    /// Dependents are orphaned when a deletion does not say what should happen to them.
    pub orphans_dependents: bool,
    /// Who deletes without saying so is told that dependents are orphaned.
    pub warns_of_orphans: bool,
    /// What a change of the status is prepared and judged by, besides metadata and status: pointers. `None` for the whole object.
    pub status_depends_on: Option<&'static [&'static str]>,
    /// What a change of the status leaves as it is, whoever sends it: fields, `spec` alone if none are named.
    pub status_leaves: &'static [&'static str],
}

/// The declaration of a kind.
pub struct Kind {
    group: Cow<'static, str>,
    version: Cow<'static, str>,
    kind: Cow<'static, str>,
    plural: Cow<'static, str>,
    pub list_kind: Cow<'static, str>,
    pub singular: String,
    pub short_names: Vec<Cow<'static, str>>,
    pub categories: Vec<Cow<'static, str>>,
    pub scope: Scope,
    pub subresources: Vec<Subresource>,
    pub columns: Vec<Column>,
    /// The `conditions` of an object's table row.
    pub row_conditions: fn(&Value) -> Option<Value>,
    /// Fields that a field selector may name, besides `metadata.name` and `metadata.namespace`.
    pub selectable: Vec<Selectable>,
    /// Whether a whole collection may be deleted at once.
    pub delete_collection: bool,
    /// Where the objects are kept: the same for all versions of a kind.
    pub collection: Arc<str>,
    pub schema: Schema,
    pub traits: Traits,
    pub defaults: Defaults,
    /// Sets what only the server decides on, in a new object.
    pub prepare_create: PrepareCreate,
    /// The same for an update: the new object, the old one, and what of it is written.
    pub prepare_update: PrepareUpdate,
    /// Marks an object whose deletion begins, as its kind needs it.
    pub prepare_delete: Option<fn(&mut Value)>,
    pub judges: Box<dyn Judge>,
    /// What every request for the kind is told by a warning, if it should no longer be used.
    pub deprecation: Option<Cow<'static, str>>,
    /// Set where this version is not the stored one.
    pub view: Option<View>,
    /// Set where objects are made when they are asked for: they can only be read.
    pub synthesis: Option<Synthesis>,
    /// Set where a definition declares the kind.
    pub custom: Option<Arc<Instances>>,
}

impl Kind {
    /// A namespaced kind with no columns but name and time of creation.
    pub fn new<K: Resource>(plural: &'static str, short_names: &[&'static str]) -> Self {
        let schema = Facts::get().kind(K::API_VERSION, K::KIND).expect("every built-in kind has a type");
        Self {
            group: K::GROUP.into(),
            version: K::VERSION.into(),
            kind: K::KIND.into(),
            plural: plural.into(),
            list_kind: format!("{}List", K::KIND).into(),
            singular: K::KIND.to_lowercase(),
            short_names: short_names.iter().map(|name| Cow::Borrowed(*name)).collect(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            subresources: Vec::new(),
            columns: column::plain(),
            row_conditions: |_| None,
            selectable: Vec::new(),
            delete_collection: true,
            collection: plural.into(),
            schema: Schema::Known(schema.name),
            traits: Traits::default(),
            defaults: Box::new(|_| {}),
            prepare_create: Box::new(|_| {}),
            prepare_update: Box::new(|_, _, _| {}),
            prepare_delete: None,
            judges: Box::new(Lenient),
            deprecation: None,
            view: None,
            synthesis: None,
            custom: None,
        }
    }

    /// One version of what a definition defines.
    pub fn of_definition(resource: CustomResource) -> Self {
        let CustomResource { group, version, names, scope, subresources, columns, selectable, collection, deprecation, instances } =
            resource;
        let [defaulting, viewed, stored, prepared] = std::array::from_fn(|_| instances.clone());
        let traits = Traits { generation: true, conditional_update: true, ..Traits::default() };
        Self {
            view: Some(View {
                group: group.clone().into(),
                to_stored: Box::new(move |object| stored.to_stored(object)),
                from_stored: Box::new(move |object| viewed.from_stored(object)),
            }),
            group: group.into(),
            version: version.into(),
            kind: names.kind.into(),
            plural: names.plural.into(),
            list_kind: names.list_kind.into(),
            singular: names.singular,
            short_names: names.short_names.into_iter().map(Cow::Owned).collect(),
            categories: names.categories.into_iter().map(Cow::Owned).collect(),
            scope,
            subresources,
            columns,
            row_conditions: |_| None,
            selectable,
            delete_collection: true,
            collection,
            schema: Schema::Custom(instances.clone()),
            traits,
            defaults: Box::new(move |object| defaulting.complete(object)),
            prepare_create: Box::new(move |object| prepared.prepare_create(object)),
            prepare_update: Box::new(Instances::prepare_update),
            prepare_delete: None,
            judges: Box::new(instances.clone()),
            deprecation: deprecation.map(Cow::Owned),
            synthesis: None,
            custom: Some(instances),
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn plural(&self) -> &str {
        &self.plural
    }

    pub fn cluster_scoped(mut self) -> Self {
        self.scope = Scope::Cluster;
        self
    }

    pub fn categories(mut self, categories: &[&'static str]) -> Self {
        self.categories = categories.iter().map(|name| Cow::Borrowed(*name)).collect();
        self
    }

    pub fn subresources(mut self, subresources: &[Subresource]) -> Self {
        self.subresources = subresources.to_vec();
        self
    }

    /// Where the objects are kept, if that is not the plural.
    pub fn collection(mut self, collection: &str) -> Self {
        self.collection = collection.into();
        self
    }

    /// Warns everybody who asks for the kind.
    pub fn deprecated(mut self, warning: &'static str) -> Self {
        self.deprecation = Some(warning.into());
        self
    }

    /// The declared version is not the stored one.
    pub fn view(mut self, view: View) -> Self {
        self.view = Some(view);
        self
    }

    /// The objects are not stored.
    pub fn synthesized(mut self, synthesis: Synthesis) -> Self {
        self.synthesis = Some(synthesis);
        self
    }

    pub fn without_delete_collection(mut self) -> Self {
        self.delete_collection = false;
        self
    }

    /// All columns, the name's included.
    pub fn columns(mut self, columns: impl Into<Vec<Column>>) -> Self {
        self.columns = columns.into();
        self
    }

    /// What a table's row says of an object besides its cells.
    pub fn row_conditions(mut self, conditions: fn(&Value) -> Option<Value>) -> Self {
        self.row_conditions = conditions;
        self
    }

    pub fn selectable(mut self, fields: impl Into<Vec<Selectable>>) -> Self {
        self.selectable = fields.into();
        self
    }

    /// Fills in what was left out. Works on the JSON, so that it can tell absent from empty.
    pub fn defaults(mut self, defaults: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.defaults = Box::new(defaults);
        self
    }

    pub fn traits(mut self, traits: Traits) -> Self {
        self.traits = traits;
        self
    }

    /// Runs before validation, after what holds for every kind: status emptied on create, kept on an update, the rest kept on a
    /// status update.
    pub fn prepare(
        mut self,
        create: impl Fn(&mut Value) + Send + Sync + 'static,
        update: impl Fn(&mut Value, &Value, Option<Subresource>) + Send + Sync + 'static,
    ) -> Self {
        (self.prepare_create, self.prepare_update) = (Box::new(create), Box::new(update));
        self
    }

    /// Runs when the deletion of an object begins: what it adds may hold the object back.
    pub fn prepare_delete(mut self, delete: fn(&mut Value)) -> Self {
        self.prepare_delete = Some(delete);
        self
    }

    /// Runs last, on the complete object.
    pub fn judges<K: DeserializeOwned + 'static>(self, judges: Judges<K>) -> Self {
        self.judged_by(judges)
    }

    /// The same by judgments of another make.
    pub fn judged_by(mut self, judge: impl Judge + 'static) -> Self {
        self.judges = Box::new(judge);
        self
    }

    /// What a selectable field of an object counts as; `None` if the kind has no such field. The object remembers the answer.
    pub fn field<'o>(&self, object: &'o Object, field: &str) -> Option<&'o str> {
        let index = self.selectable.iter().position(|selectable| selectable.name == field)?;
        let read = |bytes: &[u8]| {
            let pointers: Vec<&str> = self.selectable.iter().map(|selectable| &*selectable.pointer).collect();
            let found = glance(bytes, &pointers);
            self.selectable.iter().zip(found).map(|(selectable, value)| selectable.text(value)).collect()
        };
        Some(&object.fields(read)[index])
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version().to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The group under which wrong fields are reported: the one in which the objects are kept.
    pub fn reported_group(&self) -> &str {
        self.view.as_ref().map_or(&self.group, |view| &view.group)
    }

    /// What may be done to objects of the kind, in the order of the alphabet.
    pub fn verbs(&self) -> &'static [&'static str] {
        match (self.synthesis, self.delete_collection) {
            (Some(_), _) => &["get", "list"],
            (None, false) => &["create", "delete", "get", "list", "patch", "update", "watch"],
            // In the order of upstream's list for custom resources, which is of no alphabet.
            (None, true) if self.custom.is_some() => &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
            (None, true) => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }

    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    pub fn has(&self, subresource: Subresource) -> bool {
        self.subresources.contains(&subresource)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

//! A request that changes something, as data: so that it can be kept, and asked again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Api, Call, Target, User};
use crate::api::client::{DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::status::Status;

/// What is asked for, with its body decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mutation {
    pub api_version: String,
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// Empty for what is yet to be named, and for collections.
    pub name: String,
    /// Empty for the object itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Create {
        body: Value,
        options: WriteOptions,
    },
    /// A POST to an object's subresource.
    Order {
        body: Value,
        options: WriteOptions,
    },
    Update {
        body: Value,
        options: WriteOptions,
    },
    Patch {
        patch: Patch,
        options: WriteOptions,
    },
    Delete {
        options: DeleteOptions,
    },
    DeleteCollection {
        selection: ListOptions,
        options: DeleteOptions,
    },
}

impl Mutation {
    pub fn of_collection(kind: &KindRef, namespace: &str, change: Change) -> Self {
        let (api_version, kind, namespace) = (kind.api_version(), kind.kind().to_owned(), namespace.to_owned());
        Self { api_version, kind, namespace, name: String::new(), subresource: String::new(), change }
    }

    pub fn of(target: &Target, change: Change) -> Self {
        let subresource = target.subresource.map(|subresource| subresource.name().to_owned()).unwrap_or_default();
        Self { name: target.name.clone(), subresource, ..Self::of_collection(&target.kind, &target.namespace, change) }
    }

    /// Nothing comes of it.
    pub fn is_dry(&self) -> bool {
        match &self.change {
            Change::Create { options, .. }
            | Change::Order { options, .. }
            | Change::Update { options, .. }
            | Change::Patch { options, .. } => options.dry_run,
            Change::Delete { options } | Change::DeleteCollection { options, .. } => options.dry_run,
        }
    }

    /// The word for what it does.
    pub fn verb(&self) -> &'static str {
        match &self.change {
            Change::Create { .. } => "create",
            Change::Order { .. } => "create-subresource",
            Change::Update { .. } => "update",
            Change::Patch { .. } => "patch",
            Change::Delete { .. } => "delete",
            Change::DeleteCollection { .. } => "delete-collection",
        }
    }

    /// # Errors
    /// `NotFound`: there is no such kind.
    pub fn resolve(&self, registry: &Registry) -> Result<KindRef, Status> {
        registry.kind(&self.api_version, &self.kind).cloned().ok_or_else(Status::no_such_resource)
    }

    /// Asks for it.
    ///
    /// # Errors
    /// What the API says.
    pub async fn ask(&self, api: &Api, user: &User) -> Result<(), Status> {
        let kind = &self.resolve(&api.registry())?;
        let mut target = Target::new(kind, &self.namespace, &self.name);
        if !self.subresource.is_empty() {
            let known = kind.subresources.iter().copied().find(|known| known.name() == self.subresource);
            target = target.subresource(known.ok_or_else(Status::no_such_resource)?);
        }
        let call = |options: &WriteOptions| Call::new(user.clone(), options.clone());
        match &self.change {
            Change::Create { body, options } => api.create(&call(options), kind, &self.namespace, body.clone()).await.map(drop),
            Change::Order { body, options } => api.create_subresource(&call(options), &target, body.clone()).await.map(drop),
            Change::Update { body, options } => api.update(&call(options), &target, body.clone()).await.map(drop),
            Change::Patch { patch, options } => api.patch(&call(options), &target, patch, &[]).await.map(drop),
            Change::Delete { options } => api.delete(user, &target, options).await.map(drop),
            Change::DeleteCollection { selection, options } => {
                api.delete_collection(user, kind, &self.namespace, selection, options).await.map(drop)
            }
        }
    }
}

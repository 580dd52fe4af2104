//! The API in process, as actors speak to it.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Api, Call, Target, User};
use crate::api::client::{Client, DeleteOptions, List, ListOptions, Patch, WatchStream, WriteOptions};
use crate::api::kinds::{KindRef, Subresource};
use crate::api::object::Object;
use crate::api::status::Status;

/// A [`Client`] without a wire. What it does, `user` does.
#[derive(Clone)]
pub struct LocalClient {
    pub api: Api,
    pub user: User,
}

impl LocalClient {
    pub fn new(api: Api, user: User) -> Self {
        Self { api, user }
    }

    /// The program that the user is: the manager of the fields that it writes.
    fn program(&self) -> &str {
        if self.user.node().is_some() { "kubelet" } else { self.user.name.rsplit(':').next().unwrap_or_default() }
    }

    /// The kind as it is now: what a definition declares may have changed since the actor learnt of it.
    fn current(&self, kind: &KindRef) -> KindRef {
        if kind.custom.is_none() {
            return kind.clone();
        }
        let registry = self.api.registry();
        let same = registry.resource(kind.group(), kind.version(), kind.plural());
        same.or_else(|| registry.all().find(|other| other.collection == kind.collection)).unwrap_or(kind).clone()
    }

    fn call(&self, options: &WriteOptions) -> Call {
        let mut options = options.clone();
        if options.field_manager.is_empty() {
            options.field_manager = self.program().to_owned();
        }
        Call::new(self.user.clone(), options)
    }
}

/// An object, or the subresource of it that a path names.
fn target(kind: &KindRef, namespace: &str, name: &str, subresource: &str) -> Result<Target, Status> {
    let target = Target::new(kind, namespace, name);
    if subresource.is_empty() {
        return Ok(target);
    }
    let found = kind.subresources.iter().copied().find(|known| known.name() == subresource);
    found.map(|subresource: Subresource| target.subresource(subresource)).ok_or_else(Status::no_such_resource)
}

impl Client for LocalClient {
    fn get<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Object, Status>> {
        async move { self.api.get(&self.current(kind), namespace, name).await }.boxed()
    }

    fn list<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<List, Status>> {
        async move { self.api.list(&self.current(kind), namespace, options).await }.boxed()
    }

    fn watch<'a>(&'a self, kind: &'a KindRef, namespace: &'a str, options: &'a ListOptions) -> BoxFuture<'a, Result<WatchStream, Status>> {
        async move { self.api.watch(&self.current(kind), namespace, options).await }.boxed()
    }

    fn create<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        async move {
            let (call, kind) = (self.call(options), self.current(kind));
            let body = call.decode_value((&*kind).into(), &body)?;
            self.api.create(&call, &kind, namespace, body).await
        }
        .boxed()
    }

    fn create_subresource<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Value, Status>> {
        async move {
            let (call, target) = (self.call(options), target(&self.current(kind), namespace, name, subresource)?);
            let body = call.decode_value(target.body(), &body)?;
            self.api.create_subresource(&call, &target, body).await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        body: Value,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        async move {
            let (call, target) = (self.call(options), target(&self.current(kind), namespace, name, subresource)?);
            let body = call.decode_value(target.body(), &body)?;
            Ok(self.api.update(&call, &target, body).await?.object)
        }
        .boxed()
    }

    fn patch<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        subresource: &'a str,
        patch: Patch,
        options: &'a WriteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        async move {
            Ok(self.api.patch(&self.call(options), &target(&self.current(kind), namespace, name, subresource)?, &patch, &[]).await?.object)
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        kind: &'a KindRef,
        namespace: &'a str,
        name: &'a str,
        options: &'a DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        async move { Ok(self.api.delete(&self.user, &Target::new(&self.current(kind), namespace, name), options).await?.object) }.boxed()
    }
}

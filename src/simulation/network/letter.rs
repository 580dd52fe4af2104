//! What the network brings a second time.

use std::time::Duration;

use serde_json::Value;

use crate::api::client::{Client, DeleteOptions, Patch, WriteOptions};
use crate::api::kinds::KindRef;
use crate::api::verbs::LocalClient;

/// A request that changes something, on its way a second time.
pub(super) struct Letter {
    /// How long after the first it arrives.
    pub late: Duration,
    pub kind: KindRef,
    pub namespace: String,
    /// Empty where something is made.
    pub name: String,
    pub subresource: String,
    pub wish: Wish,
}

pub(super) enum Wish {
    Create(Value, WriteOptions),
    CreateSubresource(Value, WriteOptions),
    Update(Value, WriteOptions),
    Patch(Patch, WriteOptions),
    Delete(DeleteOptions),
}

impl Letter {
    /// Arrives, and may have its effect. What the server says to it goes nowhere.
    pub async fn arrive(self, server: &LocalClient) {
        let Self { kind, namespace, name, subresource, wish, .. } = self;
        match wish {
            Wish::Create(body, options) => drop(server.create(&kind, &namespace, body, &options).await),
            Wish::CreateSubresource(body, options) => {
                drop(server.create_subresource(&kind, &namespace, &name, &subresource, body, &options).await);
            }
            Wish::Update(body, options) => drop(server.update(&kind, &namespace, &name, &subresource, body, &options).await),
            Wish::Patch(patch, options) => drop(server.patch(&kind, &namespace, &name, &subresource, patch, &options).await),
            Wish::Delete(options) => drop(server.delete(&kind, &namespace, &name, &options).await),
        }
    }
}

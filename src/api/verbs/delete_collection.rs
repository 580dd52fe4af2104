//! Deleting all objects of a kind that a selection picks.

use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Api, Target, User};
use crate::api::client::{DeleteOptions, List, ListOptions};
use crate::api::kinds::KindRef;
use crate::api::status::Status;

/// Deletions that are under way at once, so that they share the store's batches.
const CONCURRENCY: usize = 16;

impl Api {
    /// Deletes what a list shows, one by one: what comes later stays, and what somebody else deletes first is no error. Answers the list.
    ///
    /// # Errors
    /// `MethodNotAllowed`: the kind is not deleted by the collection. As of a list and of a deletion; what was deleted before the first failure stays deleted.
    pub async fn delete_collection(
        &self,
        user: &User,
        kind: &KindRef,
        namespace: &str,
        selection: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<List, Status> {
        if !kind.delete_collection {
            return Err(Status::method_not_allowed());
        }
        let list = self.list(kind, namespace, selection).await?;
        let targets: Vec<Target> = list.items.iter().map(|object| Target::new(kind, object.namespace(), object.name())).collect();
        let deletions = stream::iter(targets).map(|target| async move {
            match self.delete(user, &target, options).await {
                Err(status) if !status.is_not_found() => Err(status),
                _ => Ok(()),
            }
        });
        deletions.buffered(CONCURRENCY).try_collect::<()>().await?;
        Ok(list)
    }
}

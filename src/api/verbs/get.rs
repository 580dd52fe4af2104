//! Reading one object.

use super::{Api, not_found, shown};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::Status;

impl Api {
    /// The object as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, kind: &KindRef, namespace: &str, name: &str) -> Result<Object, Status> {
        let snapshot = self.fresh().await?;
        snapshot.get(&super::key(kind, namespace, name)).map(|object| shown(kind, object)).ok_or_else(|| not_found(kind, name))
    }
}

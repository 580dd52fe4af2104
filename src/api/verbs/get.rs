//! Reading one object.

use super::{Api, not_found, shown};
use crate::api::kinds::{KindRef, Synthesis};
use crate::api::object::Object;
use crate::api::status::Status;

impl Api {
    /// The object as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, kind: &KindRef, namespace: &str, name: &str) -> Result<Object, Status> {
        if let Some(synthesis) = kind.synthesis {
            let mut objects = self.synthesize(synthesis).await?.into_iter();
            return objects.find(|object| object.name() == name).ok_or_else(|| not_found(kind, name));
        }
        let snapshot = self.fresh().await?;
        snapshot.get(&super::key(kind, namespace, name)).map(|object| shown(kind, object)).ok_or_else(|| not_found(kind, name))
    }

    /// The objects of a kind that is not stored.
    pub(super) async fn synthesize(&self, synthesis: Synthesis) -> Result<Vec<Object>, Status> {
        let trouble = self.fresh().await.err().map(|error| error.message);
        let objects = synthesis(trouble.as_deref()).into_iter();
        objects.map(Object::from_value).collect::<Result<_, _>>().map_err(Status::internal)
    }
}

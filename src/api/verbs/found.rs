//! Making what a cluster has from its first moment on, many objects at once.

use serde_json::Value;

use super::metadata::{self, metadata, text};
use super::{ATTEMPTS, Api, modified, sealed};
use crate::api::kinds::KindRef;
use crate::api::schema;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::entropy::Entropy;
use crate::runtime::store::{Expect, Key, Write};

impl Api {
    /// Creates those of the objects that are not there, in one commit; gives the others as they are, with what was wanted of them. Nobody
    /// judges them, and their UIDs are of a chance of their own, whatever else is created.
    pub(in crate::api) async fn found(&self, wanted: Vec<(KindRef, &str, Value)>) -> Result<Vec<(KindRef, Value, Value)>, Status> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let chance = self.0.entropy.lock().split("founding");
            let (mut writes, mut there) = (Vec::new(), Vec::new());
            for (kind, namespace, body) in &wanted {
                let mut object = body.clone();
                metadata::settle(kind, namespace, &mut object)?;
                let key = super::key(kind, namespace, text(metadata(&mut object), "name"));
                if let Some(old) = snapshot.get(&key) {
                    there.push((kind.clone(), old.value(), body.clone()));
                    continue;
                }
                schema::finish(&kind.schema, &mut object);
                self.begin_by(chance.split(&format!("{key} after {}", snapshot.revision())), &key, &mut object);
                writes.push(Write { key, expect: Expect::Absent, value: Some(sealed(kind, object)?) });
            }
            if writes.is_empty() || self.commit(writes).await?.is_ok() {
                return Ok(there);
            }
        }
        Err(wanted.first().map_or_else(|| Status::internal("nothing was wanted"), |(kind, _, _)| modified(kind, "")))
    }

    fn begin_by(&self, mut chance: Entropy, key: &Key, object: &mut Value) {
        let given = self.0.settings.identities.as_ref().and_then(|given| given.uid(key));
        let metadata = metadata(object);
        metadata.insert("uid".into(), given.unwrap_or_else(|| chance.uuid().to_string()).into());
        metadata.insert("creationTimestamp".into(), schema::written(clock::now()).into());
    }
}

//! Creating an object.

use serde_json::{Map, Value};

use super::metadata::{self, metadata, text};
use super::{ATTEMPTS, Api, Call, key, sealed, shown};
use crate::api::kinds::{KindRef, Subresource};
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::runtime::store::{Expect, Snapshot, Write};

impl Api {
    /// Creates an object from a decoded body.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, what admission has against it.
    pub async fn create(&self, call: &Call, kind: &KindRef, namespace: &str, mut body: Value) -> Result<Object, Status> {
        metadata::settle(kind, namespace, &mut body)?;
        let revision = text(metadata(&mut body), "resourceVersion");
        if !revision.is_empty() && revision != "0" {
            return Err(Status::new(500, Reason::Unknown, "resourceVersion should not be set on objects to be created"));
        }
        let generated = self.generate_name(&mut body);
        (kind.defaults)(&mut body);
        for _ in 0..ATTEMPTS {
            let snapshot = self.store().snapshot();
            let mut draft = body.clone();
            self.prepare_new(call, kind, &mut draft)?;
            let object = sealed(kind, draft)?;
            match self.add(call, kind, &snapshot, object).await? {
                Some(object) => return Ok(shown(kind, &object)),
                None if generated => {
                    metadata(&mut body).remove("name");
                    self.generate_name(&mut body);
                }
                None => return Err(self.taken(kind, namespace, text(metadata(&mut body), "name"))),
            }
        }
        Err(self.taken(kind, namespace, text(metadata(&mut body), "name")))
    }

    /// What the server decides on, and the judgments.
    fn prepare_new(&self, call: &Call, kind: &KindRef, draft: &mut Value) -> Result<(), Status> {
        self.begin(kind, draft);
        if kind.has(Subresource::Status) {
            draft["status"] = Value::Object(Map::new());
        }
        (kind.prepare_create)(draft);
        let errors = (kind.validate)(draft);
        if !errors.is_empty() {
            return Err(Status::invalid(kind.group, kind.kind, text(metadata(draft), "name"), &errors));
        }
        for warning in (kind.warnings)(draft, None) {
            call.warn(warning);
        }
        Ok(())
    }

    /// Commits a new object; `None` if its name is taken.
    async fn add(&self, call: &Call, kind: &KindRef, snapshot: &Snapshot<Object>, object: Object) -> Result<Option<Object>, Status> {
        let key = key(kind, object.namespace(), object.name());
        if call.options.dry_run {
            return Ok(snapshot.get(&key).is_none().then_some(object));
        }
        let write = Write { key, expect: Expect::Absent, value: Some(object) };
        Ok(self.commit(vec![write]).await?.ok().and_then(|committed| committed.values.into_iter().next().flatten()))
    }

    fn taken(&self, kind: &KindRef, namespace: &str, name: &str) -> Status {
        let mut status = Status::already_exists(kind.group, kind.plural, name);
        let there = self.store().snapshot();
        if there.get(&key(kind, namespace, name)).is_some_and(|object| object.meta().deletion_timestamp.is_some()) {
            status.message.insert_str(0, "object is being deleted: ");
        }
        status
    }
}

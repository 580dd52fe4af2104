//! Taking over objects of another cluster as they stand there.

use serde_json::Value;

use super::metadata::{self, metadata, text};
use super::{ATTEMPTS, Api, Call, User, key, sealed};
use crate::api::client::{FieldValidation, WriteOptions};
use crate::api::kinds::{Kind, KindRef};
use crate::api::schema;
use crate::api::status::Status;
use crate::runtime::store::{Expect, Write};

/// What only the server can say that an object comes from.
const FOREIGN: [&str; 5] = ["deletionGracePeriodSeconds", "deletionTimestamp", "managedFields", "resourceVersion", "selfLink"];

/// An object of another cluster as this one would keep it: what it does not know of is gone, and what it has by default is there. What comes
/// without a status begins as a new object does.
///
/// # Errors
/// It is no valid object of the kind.
pub fn adopted(kind: &Kind, object: &Value) -> Result<Value, Status> {
    let options = WriteOptions { field_validation: FieldValidation::Ignore, ..WriteOptions::default() };
    let mut object = Call::new(User::default(), options).decode_value(kind.into(), object)?;
    let meta = metadata(&mut object);
    FOREIGN.iter().for_each(|field| drop(meta.remove(*field)));
    let (namespace, name) = (text(meta, "namespace").to_owned(), text(meta, "name").to_owned());
    metadata::settle(kind, if kind.is_namespaced() { &namespace } else { "" }, &mut object)?;
    (kind.defaults)(&mut object);
    if object.get("status").is_none_or(|status| status.as_object().is_none_or(serde_json::Map::is_empty)) {
        (kind.prepare_create)(&mut object);
    }
    schema::finish(&kind.schema, &mut object);
    let errors = kind.judges.create(&object).errors;
    if errors.is_empty() { Ok(object) } else { Err(Status::invalid(kind.reported_group(), kind.kind(), &name, &errors)) }
}

impl Api {
    /// Makes an adopted object be there, with the UID and the time of creation that it has; without these it is given new ones. Its
    /// addresses are given out anew. Nobody admits it: where it comes from somebody has.
    ///
    /// # Errors
    /// The name is taken, or there are no addresses left.
    pub async fn restore(&self, kind: &KindRef, object: Value) -> Result<(), Status> {
        let mut object = object;
        let meta = metadata(&mut object);
        if text(meta, "uid").is_empty() {
            meta.insert("uid".into(), self.uid().into());
        }
        if text(meta, "creationTimestamp").is_empty() {
            meta.insert("creationTimestamp".into(), metadata::now());
        }
        let (namespace, name) = (text(meta, "namespace").to_owned(), text(meta, "name").to_owned());
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let mut new = object.clone();
            let beside = self.allocate(kind, &snapshot, None, &mut new)?;
            let mut writes = vec![Write { key: key(kind, &namespace, &name), expect: Expect::Absent, value: Some(sealed(kind, new)?) }];
            writes.extend(beside);
            match self.commit(writes).await? {
                Ok(_) => return Ok(()),
                Err(0) => return Err(Status::already_exists(kind.group(), kind.plural(), &name)),
                // Another took the address.
                Err(_) => {}
            }
        }
        Err(super::modified(kind, &name))
    }
}

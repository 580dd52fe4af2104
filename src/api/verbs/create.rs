//! Creating an object.

use serde_json::{Map, Value};

use super::metadata::{self, metadata, text};
use super::{ATTEMPTS, Api, Call, Target, addresses, key, sealed, shown, tracking};
use crate::api::admission::extension::Part;
use crate::api::admission::{self, Operation, Request};
use crate::api::authorization::{RequestInfo, Resource, forbidden, judge_grant};
use crate::api::kinds::{KindRef, Subresource};
use crate::api::object::Object;
use crate::api::schema;
use crate::api::status::{Reason, Status};
use crate::runtime::store::{Expect, Snapshot, Write};

impl Api {
    /// Creates an object from a decoded body.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, what admission has against it.
    pub async fn create(&self, call: &Call, kind: &KindRef, namespace: &str, body: Value) -> Result<Object, Status> {
        if kind.custom.as_ref().is_some_and(|custom| custom.is_terminating()) {
            return Err(Status::method_not_supported(kind.group(), kind.plural(), "create"));
        }
        let mut draft = body;
        metadata::settle(kind, namespace, &mut draft)?;
        let revision = text(metadata(&mut draft), "resourceVersion");
        if !revision.is_empty() && revision != "0" {
            return Err(Status::new(500, Reason::Unknown, "resourceVersion should not be set on objects to be created"));
        }
        (kind.defaults)(&mut draft);
        let managed = tracking::track_new(call, kind, &mut draft);
        self.create_tracked(call, kind, draft, managed).await
    }

    /// Creates an object whose defaults are filled in and of which it is known who manages its fields.
    pub(super) async fn create_tracked(
        &self,
        call: &Call,
        kind: &KindRef,
        mut draft: Value,
        managed: Option<Value>,
    ) -> Result<Object, Status> {
        let namespace = text(metadata(&mut draft), "namespace").to_owned();
        let generated = self.generate_name(kind, &mut draft);
        let asked = addresses::asked(kind, &draft);
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let writes = self.prepare_new(call, kind, &snapshot, &mut draft).await?;
            metadata(&mut draft).extend(managed.clone().map(|managed| ("managedFields".to_owned(), managed)));
            let object = sealed(kind, draft)?;
            match self.add(call, kind, &snapshot, object.clone(), writes).await? {
                Ok(object) => return Ok(shown(kind, &object)),
                // The name.
                Err(0) if !generated => return Err(self.taken(kind, &namespace, object.name())),
                // A generated name, or what it wanted to have beside: all is as it was but for those.
                Err(lost) => {
                    draft = shown(kind, &object).value();
                    addresses::ask(&mut draft, &asked);
                    if lost == 0 {
                        metadata(&mut draft).remove("name");
                        self.generate_name(kind, &mut draft);
                    }
                }
            }
        }
        Err(super::modified(kind, text(metadata(&mut draft), "name")))
    }

    /// Admission, what the server decides on, and the judgments; gives what has to be written beside the object.
    async fn prepare_new(
        &self,
        call: &Call,
        kind: &KindRef,
        snapshot: &Snapshot<Object>,
        draft: &mut Value,
    ) -> Result<Vec<Write<Object>>, Status> {
        let meta = metadata(draft);
        let (namespace, name) = (text(meta, "namespace").to_owned(), text(meta, "name").to_owned());
        let suffix = || self.suffix();
        let request = Request {
            kind,
            operation: Operation::Create,
            subresource: None,
            namespace: &namespace,
            name: &name,
            user: &call.user,
            old: None,
            snapshot,
            suffix: &suffix,
        };
        self.complete(call, &request, Part::WHOLE, draft).await?;
        judge_grant(self.authorizer(), &request, draft)?;
        self.begin(kind, draft);
        if kind.has(Subresource::Status) && !kind.traits.status_on_create {
            draft["status"] = Value::Object(Map::new());
        }
        if kind.traits.says_who_asked {
            call.user.sign(draft);
        }
        (kind.prepare_create)(draft);
        schema::finish(&kind.schema, draft);
        let verdict = kind.judges.create(draft);
        if !verdict.errors.is_empty() {
            return Err(Status::invalid(kind.reported_group(), kind.kind(), &name, &verdict.errors));
        }
        verdict.warnings.into_iter().for_each(|warning| call.warn(warning));
        let mut beside = self.allocate(kind, snapshot, None, draft)?;
        self.approve(call, &request, Part::WHOLE, draft).await?;
        beside.extend(admission::charge(&request, draft)?);
        Ok(beside)
    }

    /// Commits a new object and what goes with it; a lost race is the index of the write that lost, 0 being the object's own.
    async fn add(
        &self,
        call: &Call,
        kind: &KindRef,
        snapshot: &Snapshot<Object>,
        object: Object,
        beside: Vec<Write<Object>>,
    ) -> Result<Result<Object, usize>, Status> {
        let key = key(kind, object.namespace(), object.name());
        if call.options.dry_run {
            return Ok(if snapshot.get(&key).is_none() { Ok(object) } else { Err(0) });
        }
        let mut writes = vec![Write { key, expect: Expect::Absent, value: Some(object) }];
        writes.extend(beside);
        let committed = self.commit(writes).await?;
        Ok(committed.map(|committed| {
            let object = committed.values.into_iter().next().flatten();
            object.expect("a batch answers for each of its writes")
        }))
    }

    /// Who creates by an update or by applying needs the right to create, too.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) fn may_create(&self, call: &Call, target: &Target) -> Result<(), Status> {
        if call.user.is_system() {
            return Ok(());
        }
        let Target { kind, namespace, name, .. } = target;
        let [group, version, plural] = [kind.group(), kind.version(), kind.plural()].map(str::to_owned);
        let resource = Resource { group, version, plural, namespace: namespace.clone(), name: name.clone(), ..Resource::default() };
        let request = RequestInfo::of("create", resource);
        self.authorizer().judge(&call.user, &request).map(drop).map_err(|why| forbidden(&call.user, &request, &why))
    }

    fn taken(&self, kind: &KindRef, namespace: &str, name: &str) -> Status {
        let mut status = Status::already_exists(kind.group(), kind.plural(), name);
        let there = self.store().snapshot();
        if there.get(&key(kind, namespace, name)).is_some_and(|object| object.meta().deletion_timestamp.is_some()) {
            status.message.insert_str(0, "object is being deleted: ");
        }
        status
    }
}

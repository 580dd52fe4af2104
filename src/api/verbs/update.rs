//! Changing an object: replacing it or its status, and what patches and other subresources have in common with that.

use serde_json::{Map, Value};

use super::list::parse_revision;
use super::metadata::{self, metadata, text};
use super::{ATTEMPTS, Api, Call, Target, addresses, modified, not_found, sealed, shown, tracking};
use crate::api::admission::extension::Part;
use crate::api::admission::{self, Operation, Request};
use crate::api::authorization::{judge_grant, judge_signer};
use crate::api::kinds::{Kind, KindRef, Subresource};
use crate::api::object::Object;
use crate::api::schema;
use crate::api::status::{Reason, Status};
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{Expect, Revision, Snapshot, Stored, Write};

/// What an update made of an object.
#[derive(Clone, Debug)]
pub struct Updated {
    pub object: Object,
    /// The name was not taken, and the kind lets an update create.
    pub created: bool,
}

impl Api {
    /// Replaces an object, or what of it the subresource stands for, by a decoded body.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`, what admission has against it.
    pub async fn update(&self, call: &Call, target: &Target, mut body: Value) -> Result<Updated, Status> {
        metadata::settle(&target.kind, &target.namespace, &mut body)?;
        metadata::check_name(target, &mut body)?;
        if target.subresource == Some(Subresource::Scale) {
            let object = self.set_scale(call, target, |_, _| Ok(body.clone())).await?;
            return Ok(Updated { object, created: false });
        }
        let uid = text(metadata(&mut body), "uid").to_owned();
        if target.kind.traits.create_on_update && target.subresource.is_none() && self.store().snapshot().get(&target.key()).is_none() {
            self.may_create(call, target)?;
            let object = self.create(call, &target.kind, &target.namespace, body).await?;
            return Ok(Updated { object, created: true });
        }
        let revision = parse_revision(text(metadata(&mut body), "resourceVersion"));
        let names_version = matches!(revision, Ok(Some(revision)) if revision > Revision(0));
        let mut body = Some(body);
        let object = self
            .modify(call, target, self.manner(target), |old, _| {
                let current = old.meta().uid.as_str();
                if !uid.is_empty() && uid != current {
                    return Err(wrong_uid(target, &uid, current));
                }
                // What names a version has one try: after that there is a newer one.
                let next = if names_version { body.take() } else { body.clone() };
                next.ok_or_else(|| modified(&target.kind, &target.name))
            })
            .await?;
        Ok(Updated { object, created: false })
    }

    /// Who is asked about a write is shown the whole object.
    fn manner(&self, target: &Target) -> Manner {
        if self.asks_others() { Manner::patch(target) } else { Manner::of_update(target) }
    }

    /// Makes an object of the server's own be as the body says, whether it is there or not. Nobody judges it.
    pub(in crate::api) async fn establish(&self, kind: &KindRef, namespace: &str, mut body: Value) -> Result<(), Status> {
        metadata::settle(kind, namespace, &mut body)?;
        (kind.defaults)(&mut body);
        schema::finish(&kind.schema, &mut body);
        let target = Target::new(kind, namespace, text(metadata(&mut body), "name"));
        let call = Call::default();
        for _ in 0..ATTEMPTS {
            let mut new = body.clone();
            let snapshot = self.fresh().await?;
            let Some(old) = snapshot.get(&target.key()) else {
                self.begin(kind, &mut new);
                let write = Write { key: target.key(), expect: Expect::Absent, value: Some(sealed(kind, new)?) };
                if self.commit(vec![write]).await?.is_ok() {
                    return Ok(());
                }
                continue;
            };
            let before = old.value();
            metadata::carry_over(&mut new, &before);
            if self.replace(&call, &target, Reach::Object, old, (before, new), Vec::new()).await?.is_some() {
                return Ok(());
            }
        }
        Err(modified(kind, &target.name))
    }

    /// Changes an object by what `change` makes of its present state (as this version shows it, and its value as far as the change reaches).
    /// Tried again when another write came first, unless the changed object names the `resourceVersion` that it is made from.
    pub(super) async fn modify(
        &self,
        call: &Call,
        target: &Target,
        manner: Manner,
        mut change: impl FnMut(&Object, &Value) -> Result<Value, Status>,
    ) -> Result<Object, Status> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let old = snapshot.get(&target.key()).ok_or_else(|| not_found(&target.kind, &target.name))?;
            let old = shown(&target.kind, old);
            let mut before = manner.reach.read(&old);
            let mut new = change(&old, &before)?;
            let known = metadata(&mut before).remove("managedFields").unwrap_or_default();
            let pinned = pinned(target, &mut new)?;
            let unchecked = planted(Flaw::StatusFromStaleObject) && target.subresource == Some(Subresource::Status);
            if pinned.is_some_and(|revision| revision != old.revision()) && !unchecked {
                return Err(modified(&target.kind, &target.name));
            }
            let (beside, managed) = self.prepare_changed(call, target, manner, &snapshot, &mut new, (&before, &known)).await?;
            let managed = if tracking::says_the_same(&known, managed.as_ref()) { Some(known.clone()) } else { managed };
            metadata(&mut new).extend(managed.map(|managed| ("managedFields".to_owned(), managed)));
            if !known.is_null() {
                metadata(&mut before).insert("managedFields".into(), known);
            }
            if let Some(object) = self.replace(call, target, manner.reach, &old, (before, new), beside).await? {
                return Ok(object);
            }
        }
        Err(modified(&target.kind, &target.name))
    }

    /// Admission, what the server decides on, and the judgments; gives what has to be written beside the object, and its `managedFields`,
    /// which neither object has meanwhile.
    async fn prepare_changed(
        &self,
        call: &Call,
        target: &Target,
        manner: Manner,
        snapshot: &Snapshot<Object>,
        new: &mut Value,
        (old, known): (&Value, &Value),
    ) -> Result<(Vec<Write<Object>>, Option<Value>), Status> {
        let Target { kind, name, subresource, .. } = target;
        (kind.defaults)(new);
        let managed = match manner.tracking {
            Tracking::Update(by) => tracking::track(call, target, by, known, old, new),
            Tracking::Applied => metadata(new).remove("managedFields"),
        };
        let suffix = || self.suffix();
        let request = Request { old: Some(old), ..Request::of(Operation::Update, target, &call.user, snapshot, &suffix) };
        let part = Part { subresource: subresource.map(Subresource::name).unwrap_or_default(), kind: None };
        if manner.scales {
            admission::mutate(&request, new)?;
        } else {
            self.complete(call, &request, part, new).await?;
        }
        metadata::carry_over(new, old);
        judge_grant(self.authorizer(), &request, new)?;
        keep(kind, *subresource, new, old);
        (kind.prepare_update)(new, old, *subresource);
        schema::finish(&kind.schema, new);
        if kind.traits.generation && !matches!(subresource, Some(Subresource::Status | Subresource::Approval)) && wish_changed(new, old) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
            metadata(new).insert("generation".into(), generation.into());
        }
        let mut errors = metadata::judge(kind, new, old);
        errors.extend(metadata::immutable(new, old));
        let verdict = kind.judges.update(*subresource, new, old);
        errors.extend(verdict.errors);
        if !errors.is_empty() {
            return Err(Status::invalid(kind.reported_group(), kind.kind(), name, &errors));
        }
        verdict.warnings.into_iter().for_each(|warning| call.warn(warning));
        let mut beside = if subresource.is_none() { self.allocate(kind, snapshot, Some(old), new)? } else { Vec::new() };
        judge_signer(self.authorizer(), &request, new)?;
        if manner.scales {
            self.approve_scale(call, &request, new).await?;
        } else {
            self.approve(call, &request, part, new).await?;
        }
        beside.extend(admission::charge(&request, new)?);
        Ok((beside, managed))
    }

    /// Commits a changed object and what goes with it; `None` if another write came first. What changes nothing is not written; what
    /// nothing holds back any more is deleted.
    pub(super) async fn replace(
        &self,
        call: &Call,
        target: &Target,
        reach: Reach,
        old: &Object,
        (mut before, new): (Value, Value),
        beside: Vec<Write<Object>>,
    ) -> Result<Option<Object>, Status> {
        let kind = &target.kind;
        metadata(&mut before).remove("resourceVersion");
        if reach.is_same(&before, &new) {
            return Ok(Some(old.clone()));
        }
        let gone = goes(kind, &new);
        let beside = if gone { released(kind, &new) } else { beside };
        let object = match reach {
            Reach::Object => sealed(kind, new)?,
            Reach::Status(_) => old.with_status(new).map_err(Status::internal)?,
        };
        if call.options.dry_run {
            return Ok(Some(shown(kind, &object).at(old.revision())));
        }
        let mut writes = vec![Write { key: target.key(), expect: Expect::At(old.revision()), value: (!gone).then(|| object.clone()) }];
        writes.extend(beside);
        Ok(self.commit(writes).await?.ok().map(|committed| shown(kind, &object).at(committed.revision)))
    }
}

/// How an object is changed.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub reach: Reach,
    pub tracking: Tracking,
    /// Only the number of replicas is written, and that is what is asked about.
    pub scales: bool,
}

/// How it comes to be known who manages the fields that change.
#[derive(Clone, Copy)]
pub(super) enum Tracking {
    /// By comparing; through this subresource, if its name is not empty.
    Update(&'static str),
    /// It stands in the changed object.
    Applied,
}

impl Manner {
    pub const APPLY: Self = Self { reach: Reach::Object, tracking: Tracking::Applied, scales: false };

    pub fn patch(target: &Target) -> Self {
        let tracking = Tracking::Update(target.subresource.map(Subresource::name).unwrap_or_default());
        Self { reach: Reach::Object, tracking, scales: false }
    }

    fn of_update(target: &Target) -> Self {
        Self { reach: Reach::of_update(target), ..Self::patch(target) }
    }
}

/// How much of an object a change reads and writes. A status is written many times more often than what it is the status of, so most of
/// those changes leave the other bytes of the object unread.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    Object,
    /// Metadata and status; what stands at these pointers is read besides.
    Status(&'static [&'static str]),
}

impl Reach {
    fn of_update(target: &Target) -> Self {
        let is_status = target.subresource == Some(Subresource::Status) && target.kind.view.is_none();
        target.kind.traits.status_depends_on.filter(|_| is_status).map_or(Self::Object, Self::Status)
    }

    fn read(self, object: &Object) -> Value {
        match self {
            Self::Object => object.value(),
            Self::Status(pointers) => object.parts(&[&["/status"], pointers].concat()),
        }
    }

    fn is_same(self, old: &Value, new: &Value) -> bool {
        match self {
            Self::Object => old == new,
            Self::Status(_) => ["metadata", "status"].iter().all(|field| old.get(field) == new.get(field)),
        }
    }
}

/// What has to be written beside the deletion of an object.
pub(super) fn released(kind: &Kind, object: &Value) -> Vec<Write<Object>> {
    if kind.traits.addresses && !planted(Flaw::LeaksAddresses) { addresses::release(object) } else { Vec::new() }
}

/// The object is to be deleted instead of changed.
fn goes(kind: &Kind, object: &Value) -> bool {
    let waits = || !object["metadata"]["deletionTimestamp"].is_null() && !object["metadata"]["finalizers"].is_null();
    is_released(kind, object) || planted(Flaw::DropsFinalizers) && waits()
}

/// Nothing holds the object back that is being deleted: no grace, no finalizer.
pub(super) fn is_released(kind: &Kind, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let none = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let waits_for_contents = kind.has(Subresource::Finalize) && !none(&object["spec"]["finalizers"]);
    !metadata["deletionTimestamp"].is_null()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or_default() == 0
        && none(&metadata["finalizers"])
        && !waits_for_contents
}

/// An update of the object keeps the status; one of a subresource keeps all but what that stands for.
fn keep(kind: &Kind, subresource: Option<Subresource>, new: &mut Value, old: &Value) {
    let (Value::Object(new), Value::Object(old)) = (new, old) else { return };
    let mut take = |field: &String| match old.get(field) {
        Some(value) => new.insert(field.clone(), value.clone()),
        None => new.remove(field),
    };
    match subresource {
        None if kind.has(Subresource::Status) => {
            take(&"status".to_owned());
        }
        Some(Subresource::Status | Subresource::Approval) => {
            let is_written = |field: &String| field == "metadata" || field == "status";
            new.retain(|field, _| is_written(field));
            new.extend(old.iter().filter(|(field, _)| !is_written(field)).map(|(field, value)| (field.clone(), value.clone())));
        }
        Some(Subresource::EphemeralContainers) => {
            let written = new.get_mut("spec").map(|spec| spec["ephemeralContainers"].take());
            *new = old.clone();
            match written.filter(|written| !written.is_null()) {
                Some(written) => new["spec"]["ephemeralContainers"] = written,
                None => drop(new["spec"].as_object_mut().map(|spec| spec.remove("ephemeralContainers"))),
            }
        }
        Some(Subresource::Resize) => {
            let written = new.remove("spec").unwrap_or_default();
            *new = old.clone();
            for list in ["containers", "initContainers"] {
                resize(&mut new["spec"], &written, list);
            }
        }
        _ => {}
    }
}

/// Takes over the resources of the containers that are named.
fn resize(spec: &mut Value, written: &Value, list: &str) {
    let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) else { return };
    for container in containers.iter_mut().filter_map(Value::as_object_mut) {
        let Some(wanted) = written[list].as_array().into_iter().flatten().find(|wanted| Some(&wanted["name"]) == container.get("name"))
        else {
            continue;
        };
        for field in ["resources", "resizePolicy"] {
            match wanted.get(field) {
                Some(value) => container.insert(field.to_owned(), value.clone()),
                None => container.remove(field),
            };
        }
    }
}

/// Anything but metadata and status differs.
fn wish_changed(new: &Value, old: &Value) -> bool {
    let (Value::Object(new), Value::Object(old)) = (new, old) else { return true };
    let wish = |object: &'_ Map<String, Value>| object.len() - usize::from(object.contains_key("status"));
    wish(new) != wish(old) || new.iter().any(|(field, value)| field != "metadata" && field != "status" && old.get(field) != Some(value))
}

/// The revision that the body says it is made from.
fn pinned(target: &Target, body: &mut Value) -> Result<Option<Revision>, Status> {
    let kind = &target.kind;
    let revision = parse_revision(text(metadata(body), "resourceVersion")).map_err(|why| Status::new(500, Reason::Unknown, why))?;
    let revision = revision.filter(|revision| *revision > Revision(0));
    if revision.is_none() && kind.traits.conditional_update {
        let mut errors = ErrorList::default();
        let (shown, name) = if kind.custom.is_some() { ("0", kind.plural()) } else { ("0x0", kind.kind()) };
        errors.push(
            FieldErrorKind::Invalid,
            "metadata.resourceVersion",
            format!("Invalid value: {shown}: must be specified for an update"),
        );
        return Err(Status::invalid(kind.reported_group(), name, &target.name, &errors));
    }
    Ok(revision)
}

/// The object under that name is another than the one that was meant.
pub(super) fn wrong_uid(target: &Target, asked: &str, current: &str) -> Status {
    let Target { kind, name, .. } = target;
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
         UID in precondition: {asked}, UID in object meta: {current}",
        target.key()
    );
    Status::conflict(kind.group(), kind.plural(), name, &why)
}

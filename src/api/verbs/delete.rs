//! Deleting an object: at once, or by marking it when grace or finalizers hold it back.

use serde_json::Value;

use super::list::parse_revision;
use super::metadata::{metadata, now};
use super::update::{is_released, released};
use super::{ATTEMPTS, Api, Target, User, modified, not_found, shown};
use crate::api::admission::{self, Operation, Request};
use crate::api::client::{DeleteOptions, Propagation};
use crate::api::kinds::{Kind, Subresource};
use crate::api::object::Object;
use crate::api::schema::written;
use crate::api::status::Status;
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::clock;
use crate::runtime::store::{Expect, Snapshot, Stored, Write};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What became of an object that was deleted.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// Its state afterwards, or its last.
    pub object: Object,
    /// It is not there any more; otherwise it waits for its grace or its finalizers.
    pub gone: bool,
}

impl Api {
    /// Deletes an object, or begins to.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when a precondition does not hold.
    pub async fn delete(&self, user: &User, target: &Target, options: &DeleteOptions) -> Result<Deleted, Status> {
        check(options)?;
        let Target { kind, name, .. } = target;
        for _ in 0..ATTEMPTS {
            let snapshot = self.fresh().await?;
            let old = snapshot.get(&target.key()).ok_or_else(|| not_found(kind, name))?;
            preconditions(target, options, old)?;
            self.admit_deletion(user, target, &snapshot, options).await?;
            let Some(marked) = mark(kind, old, options) else {
                return Ok(Deleted { object: shown(kind, old), gone: false });
            };
            let gone = is_released(kind, &marked);
            let beside = if gone { released(kind, &marked) } else { Vec::new() };
            // What only the deletion itself would change is not written: the object goes in its last state.
            let object = if gone && !kind.traits.graceful { old.clone() } else { sealed_as_stored(marked)? };
            if options.dry_run {
                return Ok(Deleted { object: shown(kind, &object.at(old.revision())), gone });
            }
            let mut writes = vec![Write { key: target.key(), expect: Expect::At(old.revision()), value: (!gone).then(|| object.clone()) }];
            writes.extend(beside);
            if let Ok(committed) = self.commit(writes).await? {
                return Ok(Deleted { object: shown(kind, &object.at(committed.revision)), gone });
            }
        }
        Err(modified(kind, name))
    }

    /// What admission has against a deletion.
    pub(super) async fn admit_deletion(
        &self,
        user: &User,
        target: &Target,
        snapshot: &Snapshot<Object>,
        options: &DeleteOptions,
    ) -> Result<(), Status> {
        let suffix = || self.suffix();
        let request = Request::of(Operation::Delete, target, user, snapshot, &suffix);
        admission::judge(&request, None)?;
        self.consult_about_deletion(&request, options).await
    }
}

fn sealed_as_stored(value: Value) -> Result<Object, Status> {
    Object::from_value(value).map_err(Status::internal)
}

/// What `ValidateDeleteOptions` refuses.
fn check(options: &DeleteOptions) -> Result<(), Status> {
    let Some(policy) = options.propagation.filter(|_| options.orphan_dependents.is_some()) else { return Ok(()) };
    let mut errors = ErrorList::default();
    let message = format!("Invalid value: \"{}\": orphanDependents and deletionPropagation cannot be both set", policy.name());
    errors.push(FieldErrorKind::Invalid, "propagationPolicy", message);
    Err(Status::invalid_options("DeleteOptions", &errors))
}

fn preconditions(target: &Target, options: &DeleteOptions, object: &Object) -> Result<(), Status> {
    let conflict = |why: String| Err(Status::conflict(target.kind.group(), target.kind.kind(), &target.name, &why));
    match &options.uid {
        Some(asked) if asked != object.uid() => {
            return conflict(format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                object.uid()
            ));
        }
        _ => {}
    }
    match &options.resource_version {
        Some(asked) if parse_revision(asked) != Ok(Some(object.revision())) => conflict(format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({}). The object might have been modified",
            object.revision()
        )),
        _ => Ok(()),
    }
}

/// The object as its deletion marks it; `None` if it is marked so already.
fn mark(kind: &Kind, old: &Object, options: &DeleteOptions) -> Option<Value> {
    let before = old.value();
    let mut object = before.clone();
    metadata(&mut object).remove("resourceVersion");
    let finalizers = finalizers(kind, &old.meta().finalizers, options);
    if !finalizers.is_empty() {
        metadata(&mut object).insert("finalizers".into(), finalizers.into());
    } else {
        metadata(&mut object).remove("finalizers");
    }
    match (grace(kind, &before, options), old.meta().deletion_timestamp) {
        (grace, None) => {
            begin_deletion(kind, &mut object, grace);
            if let Some(prepare) = kind.prepare_delete {
                prepare(&mut object);
            }
        }
        // Only a shorter grace can be asked for; the time of death moves with it.
        (Some(grace), Some(due)) if old.meta().deletion_grace_period_seconds.is_some_and(|pending| grace < pending) => {
            let pending = old.meta().deletion_grace_period_seconds.unwrap_or_default();
            let due = due - jiff::SignedDuration::from_secs(pending - grace);
            let metadata = metadata(&mut object);
            metadata.insert("deletionTimestamp".into(), written(due).into());
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
        }
        _ => {}
    }
    let changed = object.as_object().is_some_and(|object| {
        object.iter().any(|(field, value)| if field == "metadata" { differs(value, &before[field]) } else { before[field] != *value })
    });
    (changed || is_released(kind, &object)).then_some(object)
}

fn differs(metadata: &Value, before: &Value) -> bool {
    let fields = ["deletionTimestamp", "deletionGracePeriodSeconds", "finalizers"];
    fields.iter().any(|field| metadata[*field] != before[*field])
}

/// The first deletion of an object: its generation rises with its wish, which now is not to be.
fn begin_deletion(kind: &Kind, object: &mut Value, grace: Option<i64>) {
    if kind.has(Subresource::Finalize) {
        metadata(object).insert("deletionTimestamp".into(), now());
        object["status"]["phase"] = "Terminating".into();
        return;
    }
    let seconds = grace.unwrap_or(0);
    let metadata = metadata(object);
    metadata.insert("deletionTimestamp".into(), written(clock::now() + jiff::SignedDuration::from_secs(seconds)).into());
    metadata.insert("deletionGracePeriodSeconds".into(), seconds.into());
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|generation| *generation > 0) {
        metadata.insert("generation".into(), (generation + 1).into());
    }
}

/// The grace that a deletion leaves a pod: what is asked for, else what the pod wants; none if no kubelet has it or it has ended.
fn grace(kind: &Kind, object: &Value, options: &DeleteOptions) -> Option<i64> {
    if !kind.traits.graceful {
        return None;
    }
    let asked = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return asked;
    }
    let unscheduled = object["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    let ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if unscheduled || ended {
        return Some(0);
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(0);
    Some(asked.unwrap_or(if own < 0 { 1 } else { own }))
}

/// The finalizers that a deletion leaves on an object: what happens to its dependents is the garbage collector's, and it is told so.
fn finalizers(kind: &Kind, present: &[String], options: &DeleteOptions) -> Vec<String> {
    let has = |name: &str| present.iter().any(|finalizer| finalizer == name);
    let (orphan, foreground) = match (options.orphan_dependents, options.propagation) {
        (Some(orphan), _) => (orphan, false),
        (None, Some(policy)) => (policy == Propagation::Orphan, policy == Propagation::Foreground),
        (None, None) if has(ORPHAN) => (true, false),
        (None, None) if has(FOREGROUND) => (false, true),
        (None, None) => (kind.traits.orphans_dependents, false),
    };
    let others = present.iter().filter(|finalizer| *finalizer != ORPHAN && *finalizer != FOREGROUND).cloned();
    let own = [(ORPHAN, orphan), (FOREGROUND, foreground)];
    others.chain(own.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name.to_owned())).collect()
}

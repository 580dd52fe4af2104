//! Who manages which fields: what the verbs ask of [`apply`](crate::api::apply).

use serde_json::{Map, Value};

use super::metadata::{self, metadata, text};
use super::update::Manner;
use super::{Api, Call, Target, Updated};
use crate::api::apply::{Managed, Refused, Tracked, Writer};
use crate::api::client::FieldValidation;
use crate::api::kinds::{Kind, Subresource};
use crate::api::object::Object;
use crate::api::schema::{self, Dialect, examine, written};
use crate::api::status::{Reason, Status};
use crate::runtime::clock;

/// Applying on the client's side leaves here what was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The manager of what was there before anything was applied.
const BEFORE: &str = "before-first-apply";
const KUBECTL: &str = "kubectl";

/// A write to an object or by one of its subresources, which cannot change everything (upstream: `GetResetFields`).
fn tracked<'a>(kind: &'a Kind, subresource: Option<Subresource>, writer: &'a Writer) -> Tracked<'a> {
    let ignored: &[&str] = match subresource {
        Some(Subresource::Status) if kind.traits.status_leaves.is_empty() => &["spec"],
        Some(Subresource::Status) => kind.traits.status_leaves,
        Some(Subresource::Approval) => &["spec"],
        None if kind.traits.constant => &["spec", "status"],
        _ if kind.has(Subresource::Status) => &["status"],
        _ => &[],
    };
    Tracked { schema: (&kind.schema).into(), writer, ignored, now: now() }
}

fn writer(call: &Call, kind: &Kind, subresource: &str, applies: bool) -> Writer {
    let manager = if call.options.field_manager.is_empty() { "unknown" } else { &call.options.field_manager };
    Writer { manager: manager.to_owned(), applies, api_version: kind.api_version(), subresource: subresource.to_owned() }
}

fn now() -> String {
    written(clock::now())
}

/// An object of which nothing is said.
fn nothing(kind: &Kind) -> Value {
    let mut object = Value::Object(Map::new());
    schema::finish(&kind.schema, &mut object);
    object
}

/// Somebody who clears the list, or sends one empty entry, wants the object to be tracked no more.
fn is_reset(entries: &Value) -> bool {
    matches!(entries.as_array().map(Vec::as_slice), Some([Value::Object(entry)]) if entry.values().all(|value| value.is_null() || value == ""))
}

/// The `managedFields` of a new object, whose defaults are filled in.
pub(super) fn track_new(call: &Call, kind: &Kind, new: &mut Value) -> Option<Value> {
    let given = metadata(new).remove("managedFields").unwrap_or_default();
    schema::finish(&kind.schema, new);
    let writer = writer(call, kind, "", false);
    tracked(kind, None, &writer).update(&nothing(kind), new, Managed::read(&given).unwrap_or_default()).write()
}

/// The `managedFields` of what is asked of an object by a subresource that is of another type.
pub(super) fn track_order(call: &Call, body: schema::Target<'_>, subresource: Subresource, order: &Value) -> Option<Value> {
    let manager = call.options.field_manager.clone();
    let writer = Writer { manager, applies: false, api_version: body.api_version(), subresource: subresource.name().to_owned() };
    let (mut nothing, mut order) = (Value::Object(Map::new()), order.clone());
    [&mut nothing, &mut order].into_iter().for_each(|object| schema::finish(body.schema, object));
    let tracked = Tracked { schema: body.schema, writer: &writer, ignored: &[], now: now() };
    tracked.update(&nothing, &order, Managed::default()).write()
}

/// The `managedFields` of a changed object. `known` are those of the old one, which is given without them.
pub(super) fn track(call: &Call, target: &Target, by: &str, known: &Value, old: &Value, new: &mut Value) -> Option<Value> {
    let kind = &target.kind;
    let given = metadata(new).remove("managedFields").unwrap_or_default();
    if by.is_empty() && is_reset(&given) {
        return None;
    }
    // Most send what they were given.
    let is_news = by.is_empty() && given != *known;
    let given = if is_news { Managed::read(&given).filter(|given| !given.is_empty()) } else { None };
    let managed = given.unwrap_or_else(|| Managed::known(known));
    if managed.is_empty() {
        return None;
    }
    schema::finish(&kind.schema, new);
    let writer = writer(call, kind, by, false);
    tracked(kind, target.subresource, &writer).update(old, new, managed).write()
}

/// Whether two `managedFields` say the same but for when: nobody writes an object for that.
pub(super) fn says_the_same(old: &Value, new: Option<&Value>) -> bool {
    fn timeless(entry: &Value) -> impl Iterator<Item = (&String, &Value)> {
        entry.as_object().into_iter().flatten().filter(|(field, _)| *field != "time")
    }
    let (Some(old), Some(new)) = (old.as_array(), new.and_then(Value::as_array)) else { return false };
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| timeless(old).eq(timeless(new)))
}

impl Api {
    /// Server-side apply. An object that is not there is created.
    pub(super) async fn apply(&self, call: &Call, target: &Target, applied: &Value) -> Result<Updated, Status> {
        let kind = &target.kind;
        check_type((&kind.api_version(), kind.kind()), applied)?;
        if applied["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        let is_there = self.fresh().await?.get(&target.key()).is_some();
        if !is_there && target.subresource.is_none() {
            let (mut object, managed) = self.applied(call, target, "", &nothing(kind), Managed::default(), applied)?;
            metadata::settle(kind, &target.namespace, &mut object)?;
            metadata::check_name(target, &mut object)?;
            if !text(metadata(&mut object), "uid").is_empty() {
                let why = format!(
                    "uid mismatch: the provided object specified uid {}, and no existing object was found",
                    text(metadata(&mut object), "uid")
                );
                return Err(Status::conflict(kind.group(), kind.plural(), &target.name, &why));
            }
            (kind.defaults)(&mut object);
            self.may_create(call, target)?;
            let object = self.create_tracked(call, kind, object, managed).await?;
            return Ok(Updated { object, created: true });
        }
        let by = target.subresource.map(Subresource::name).unwrap_or_default();
        let object = self.apply_to(call, target, by, applied).await?;
        Ok(Updated { object, created: false })
    }

    /// Applies to an object that is there, through a subresource if its name is not empty.
    pub(super) async fn apply_to(&self, call: &Call, target: &Target, by: &str, applied: &Value) -> Result<Object, Status> {
        let manner = Manner { scales: by == Subresource::Scale.name(), ..Manner::APPLY };
        self.modify(call, target, manner, |_, before| {
            let mut old = before.clone();
            let known = metadata(&mut old).remove("managedFields").unwrap_or_default();
            let (mut new, managed) = self.applied(call, target, by, &old, Managed::known(&known), applied)?;
            metadata::settle(&target.kind, &target.namespace, &mut new)?;
            metadata::check_name(target, &mut new)?;
            metadata(&mut new).extend(managed.map(|managed| ("managedFields".to_owned(), managed)));
            Ok(new)
        })
        .await
    }

    /// The object with what is applied, decoded, and its `managedFields`.
    fn applied(
        &self,
        call: &Call,
        target: &Target,
        by: &str,
        old: &Value,
        mut managed: Managed,
        applied: &Value,
    ) -> Result<(Value, Option<Value>), Status> {
        let kind = &target.kind;
        let writer = writer(call, kind, by, true);
        if managed.is_empty() && !old["metadata"]["uid"].is_null() {
            let before = Writer { manager: BEFORE.to_owned(), applies: false, ..writer.clone() };
            managed = tracked(kind, target.subresource, &before).update(&nothing(kind), old, managed);
        }
        let tracked = tracked(kind, target.subresource, &writer);
        let attempt = |force| tracked.apply(old, applied, managed.clone(), force);
        let outcome = match attempt(call.options.force) {
            Err(Refused::Conflicts(conflicts)) if writer.manager == KUBECTL => match last_applied(kind, old) {
                None => Err(Refused::Conflicts(conflicts)),
                Some(last) => {
                    let allowed = tracked.still_as_applied(old, &last);
                    let left: Vec<_> = conflicts.into_iter().filter(|(_, path)| !allowed.contains(path)).collect();
                    if left.is_empty() { attempt(true) } else { Err(Refused::Conflicts(left)) }
                }
            },
            outcome => outcome,
        };
        let (new, managed) = outcome.map_err(|refused| refusal(applied, refused))?;
        let mut new = match new {
            None => old.clone(),
            Some(new) => {
                let decoded = examine(target.body(), &new, Dialect::Json, Vec::new(), FieldValidation::Ignore);
                decoded.map_err(|refusal| Status::new(500, Reason::Unknown, refusal.why))?.value
            }
        };
        if writer.manager == KUBECTL && new["metadata"]["annotations"][LAST_APPLIED].as_str().is_some_and(|last| !last.is_empty()) {
            let mut last = applied.clone();
            let annotations = last.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
            annotations.map(|annotations| annotations.remove(LAST_APPLIED));
            new["metadata"]["annotations"][LAST_APPLIED] = format!("{last}\n").into();
        }
        Ok((new, managed.write()))
    }
}

/// What was applied on the client's side, if it was in this version.
fn last_applied(kind: &Kind, object: &Value) -> Option<Value> {
    let last: Value = serde_json::from_str(object["metadata"]["annotations"][LAST_APPLIED].as_str()?).ok()?;
    (last["apiVersion"] == kind.api_version()).then_some(last)
}

/// What is applied must say that it is of the type that it is applied to.
pub(super) fn check_type((api_version, kind): (&str, &str), applied: &Value) -> Result<(), Status> {
    let text = |field: &str| applied[field].as_str().unwrap_or_default();
    if (text("apiVersion"), text("kind")) == (api_version, kind) {
        return Ok(());
    }
    Err(Status::bad_request(format!("invalid object type: {}", type_of(applied))))
}

/// A type as Go prints one: `apps/v1, Kind=Deployment`.
fn type_of(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let version = text("apiVersion");
    let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
    format!("{version}, Kind={}", text("kind"))
}

fn refusal(applied: &Value, refused: Refused) -> Status {
    match refused {
        Refused::Malformed(why) => {
            let text = |field: &str| applied["metadata"][field].as_str().unwrap_or_default();
            let named = format!("{}/{}; {}", text("namespace"), text("name"), type_of(applied));
            Status::new(500, Reason::Unknown, format!("failed to create typed patch object ({named}): {why}"))
        }
        Refused::Conflicts(conflicts) => {
            let message = match &*conflicts {
                [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {manager}: {path}"),
                _ => {
                    let mut lines: Vec<String> = Vec::new();
                    let mut last = None;
                    for (manager, path) in &conflicts {
                        if last != Some(manager) {
                            lines.push(format!("conflicts with {manager}:"));
                            last = Some(manager);
                        }
                        lines.push(format!("- {path}"));
                    }
                    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
                }
            };
            let status = Status::new(409, Reason::Conflict, message);
            conflicts
                .iter()
                .fold(status, |status, (manager, path)| status.because("FieldManagerConflict", path, format!("conflict with {manager}")))
        }
    }
}

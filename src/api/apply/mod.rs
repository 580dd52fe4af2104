//! Server-side apply, and who manages which field of an object
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).
//!
//! All of it is pure: an object as it is, what somebody wants of it, and what `managedFields` say become the object as it shall be and what
//! they say then.

mod compare;
mod extent;
mod field_set;
mod form;
mod managed;
mod merge;
mod remove;
#[cfg(test)]
mod tests;
mod typed;

use std::sync::LazyLock;

use serde_json::Value;

use compare::Comparison;
use extent::extent;
use field_set::FieldSet;
use form::Form;
use merge::merge;
use remove::remove;

use crate::api::schema::TypeRef;

pub use managed::{Managed, Writer};

/// Fields of which nobody is the manager.
static NOBODYS: LazyLock<FieldSet> = LazyLock::new(|| {
    FieldSet::of_fields(&[
        "apiVersion",
        "kind",
        "metadata",
        "metadata.name",
        "metadata.namespace",
        "metadata.creationTimestamp",
        "metadata.selfLink",
        "metadata.uid",
        "metadata.clusterName",
        "metadata.generation",
        "metadata.managedFields",
        "metadata.resourceVersion",
    ])
});

/// A write, as far as it is tracked.
pub struct Tracked<'a> {
    /// The type of the object.
    pub schema: TypeRef<'a>,
    pub writer: &'a Writer,
    /// Fields that the request cannot change, and all that is below them: `status`.
    pub ignored: &'a [&'a str],
    /// Now, as an object says it.
    pub now: String,
}

/// Why an object was not applied.
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// Other managers have these fields, with another value: each with the manager, as messages name it.
    Conflicts(Vec<(String, String)>),
    /// What is applied is no object of its type.
    Malformed(String),
}

impl Tracked<'_> {
    /// What `managedFields` say once the old object has been changed into the new one.
    pub fn update(&self, old: &Value, new: &Value, mut managed: Managed) -> Managed {
        let comparison = Comparison::of(Form::of(self.schema), old, new).without(&FieldSet::of_fields(self.ignored));
        if comparison.is_empty() {
            return managed;
        }
        let Comparison { added, modified, removed } = comparison;
        let written = added.union(&modified);
        let touched = written.clone().union(&removed);
        let own = written.difference(&NOBODYS);
        let before = managed.set_of(self.writer).difference(&touched);
        if own.is_empty() {
            managed.take(None, &touched);
        } else {
            managed.take(Some(self.writer), &touched);
            managed.set(self.writer, &own.union(&before), Some(self.now.clone()));
        }
        managed.cap();
        managed
    }

    /// The object with what is applied, `None` if that changes nothing, and what `managedFields` say then.
    ///
    /// # Errors
    /// What is applied is malformed, or, unless forced, others manage what it would change.
    pub fn apply(&self, old: &Value, applied: &Value, mut managed: Managed, force: bool) -> Result<(Option<Value>, Managed), Refused> {
        let form = Form::of(self.schema);
        typed::check(form, applied).map_err(Refused::Malformed)?;
        let ignored = FieldSet::of_fields(self.ignored);
        let merged = merge(form, old, applied).map_err(Refused::Malformed)?;
        let last = managed.set_of(self.writer);
        let mut own = extent(form, applied);
        own.exclude(&ignored);
        managed.set(self.writer, &own, None);
        let new = prune(form, &merged, last, &managed);
        let comparison = Comparison::of(form, old, &new).without(&ignored);
        let written = comparison.added.union(&comparison.modified);
        let conflicts = managed.others(self.writer).flat_map(|entry| {
            let name = entry.name();
            entry.set().intersection(&written).paths().into_iter().map(move |path| (name.clone(), path))
        });
        let mut conflicts: Vec<(String, String)> = conflicts.collect();
        if !force && !conflicts.is_empty() {
            conflicts.sort_by(|a, b| a.0.cmp(&b.0));
            return Err(Refused::Conflicts(conflicts));
        }
        managed.take(Some(self.writer), &written);
        managed.take(None, &comparison.removed);
        let own = managed.set_of(self.writer).difference(&NOBODYS);
        let is_same = *old == new;
        managed.set(self.writer, &own, (!is_same).then(|| self.now.clone()));
        Ok(((!is_same).then_some(new), managed))
    }

    /// The fields of what was applied on the client's side that are still as they were applied: of those a server-side apply of the same
    /// client may take possession.
    pub fn still_as_applied(&self, object: &Value, last_applied: &Value) -> Vec<String> {
        let form = Form::of(self.schema);
        if typed::check(form, last_applied).is_err() {
            return Vec::new();
        }
        let Comparison { added, modified, removed } = Comparison::of(form, last_applied, object);
        extent(form, last_applied).difference(&modified).difference(&added).difference(&removed).paths()
    }
}

/// Takes out what the writer applied last time and does not apply any more, unless somebody else has it.
fn prune(form: Form<'_>, merged: &Value, mut last: FieldSet, managed: &Managed) -> Value {
    if last.is_empty() {
        return merged.clone();
    }
    last.complete(form);
    let complete_extent = |value: &Value| {
        let mut set = extent(form, value);
        set.complete(form);
        set
    };
    let mut owned = managed.entries().iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set()));
    owned.complete(form);
    let there = complete_extent(merged);
    let kept = complete_extent(&remove(form, merged, &last)).union(&owned);
    let pruned = remove(form, merged, &there.clone().difference(&kept));
    // What nobody applied, or only an update has, is not this writer's to take out.
    let gone = there.difference(&complete_extent(&pruned)).intersection(&last);
    remove(form, merged, &gone)
}

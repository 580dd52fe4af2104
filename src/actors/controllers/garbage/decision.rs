//! What is to become of an object that has owners, or dependents that its deletion waits for.

use std::sync::Arc;

use crate::api::client::Propagation;
use crate::api::object::{Object, OwnerReference};

/// The deletion waits until the dependents have been made orphans.
pub const ORPHAN: &str = "orphan";
/// The deletion waits until the dependents that block it are gone.
pub const FOREGROUND: &str = "foregroundDeletion";

/// A dependent and the collection it is in.
pub type Dependent = (Arc<str>, Object);

/// What an owner reference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is there, and keeps what it owns.
    Solid,
    /// It is being deleted, and waits for what it owns.
    Waiting,
    /// It is not there, or another object has its name.
    Gone,
}

impl Owner {
    /// Of an owner that is there.
    pub fn of(owner: &Object) -> Self {
        if is_waiting(owner) { Self::Waiting } else { Self::Solid }
    }
}

/// A change to the world.
#[derive(Clone, Debug)]
pub enum Op {
    /// Take the object out of their owners.
    Orphan(Vec<Dependent>),
    DropFinalizer(&'static str),
    /// Take these owners out of the object's.
    Disown(Vec<String>),
    /// Let the object block none of its owners.
    Unblock,
    Delete(Propagation),
}

/// What to do about an object that is being deleted.
pub fn release(object: &Object, dependents: Vec<Dependent>) -> Vec<Op> {
    let finalizers = &object.meta().finalizers;
    let has = |finalizer: &str| finalizers.iter().any(|name| name == finalizer);
    if has(ORPHAN) {
        return vec![Op::Orphan(dependents), Op::DropFinalizer(ORPHAN)];
    }
    let blocks = |owner: &OwnerReference| owner.uid == object.uid() && owner.block_owner_deletion;
    let blocked = dependents.iter().any(|(_, dependent)| dependent.meta().owner_references.iter().any(blocks));
    if has(FOREGROUND) && !blocked { vec![Op::DropFinalizer(FOREGROUND)] } else { Vec::new() }
}

/// What to do about an object that is not being deleted: it stays as long as one owner does, with only those that do.
pub fn collect(object: &Object, owners: &[(&OwnerReference, Owner)], dependents: &[Dependent]) -> Vec<Op> {
    if owners.is_empty() {
        return Vec::new();
    }
    if owners.iter().any(|(_, owner)| *owner == Owner::Solid) {
        let lost: Vec<String> =
            owners.iter().filter(|(_, owner)| *owner != Owner::Solid).map(|(reference, _)| reference.uid.clone()).collect();
        return if lost.is_empty() { Vec::new() } else { vec![Op::Disown(lost)] };
    }
    let waited_for = owners.iter().any(|(_, owner)| *owner == Owner::Waiting);
    if waited_for && !dependents.is_empty() {
        // Two that wait for each other would do so for ever.
        if dependents.iter().any(|(_, dependent)| is_waiting(dependent)) {
            return vec![Op::Unblock];
        }
        return vec![Op::Delete(Propagation::Foreground)];
    }
    let finalizers = &object.meta().finalizers;
    let has = |finalizer: &str| finalizers.iter().any(|name| name == finalizer);
    vec![Op::Delete(match () {
        () if has(ORPHAN) => Propagation::Orphan,
        () if has(FOREGROUND) => Propagation::Foreground,
        () => Propagation::Background,
    })]
}

fn is_waiting(object: &Object) -> bool {
    let meta = object.meta();
    meta.deletion_timestamp.is_some() && meta.finalizers.iter().any(|name| name == FOREGROUND)
}

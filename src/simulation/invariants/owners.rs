use std::collections::BTreeSet;

use super::{Broken, Invariant, Rest};
use crate::api::kinds::Registry;
use crate::simulation::scene::Owner;

/// At rest nothing is left of which every owner is gone. Whether owners of kinds that are not served are there nobody can say.
#[derive(Default)]
pub struct Owners;

impl Invariant for Owners {
    fn name(&self) -> &'static str {
        "what-nobody-owns-goes"
    }

    fn source(&self) -> &'static str {
        "Garbage Collection, \"Owners and dependents\""
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        let (objects, kinds) = (&rest.scene.objects, Registry::built_in());
        let there: BTreeSet<&str> = objects.values().map(|view| &*view.meta.uid).collect();
        let orphan = objects.iter().find(|(_, view)| {
            let owners = &view.meta.owner_references;
            let is_there = |owner: &Owner| there.contains(&*owner.uid) || kinds.kind(&owner.api_version, &owner.kind).is_none();
            view.meta.deletion_timestamp.is_none() && !owners.is_empty() && !owners.iter().any(is_there)
        });
        match orphan {
            Some((key, _)) => Err(Broken::of(key, "its owners are gone, and it is still there")),
            None => Ok(()),
        }
    }
}

use std::collections::BTreeSet;

use super::{Broken, Invariant, Rest};

/// At rest nothing is left of which every owner is gone.
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
        let objects = &rest.scene.objects;
        let there: BTreeSet<&str> = objects.values().map(|view| &*view.meta.uid).collect();
        let orphan = objects.iter().find(|(_, view)| {
            let owners = &view.meta.owner_references;
            view.meta.deletion_timestamp.is_none() && !owners.is_empty() && !owners.iter().any(|owner| there.contains(&*owner.uid))
        });
        match orphan {
            Some((key, _)) => Err(Broken::of(key, "its owners are gone, and it is still there")),
            None => Ok(()),
        }
    }
}

//! What follows from the objects of some collections, worked out once for each change of them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::object::Object;
use crate::runtime::store::{Revision, Snapshot, Store};

/// Kept until a change in one of the collections. Whoever asks gets what is no older than any write that was acknowledged before, and as
/// long as there is none, asking costs no look at the objects.
pub struct Derived<T> {
    collections: &'static [&'static str],
    /// With the newest change that is in it.
    kept: ArcSwapOption<(Revision, Arc<T>)>,
}

impl<T> Derived<T> {
    pub fn of(collections: &'static [&'static str]) -> Self {
        Self { collections, kept: ArcSwapOption::empty() }
    }

    /// What `derive` makes of the objects, and of what it had made of them before.
    pub fn get(&self, store: &dyn Store<Object>, derive: impl FnOnce(&Snapshot<Object>, Option<&T>) -> T) -> Arc<T> {
        let touched = store.touched(self.collections);
        let before = self.kept.load();
        match before.as_deref() {
            Some((known, kept)) if *known == touched => kept.clone(),
            before => {
                let made = Arc::new(derive(&store.snapshot(), before.map(|(_, kept)| &**kept)));
                self.kept.store(Some(Arc::new((touched, made.clone()))));
                made
            }
        }
    }
}

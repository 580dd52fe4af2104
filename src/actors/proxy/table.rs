//! All frontends of the node, and whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::backends::Backends;
use super::frontend::Frontend;
use crate::actors::informer::ObjectKey;

/// What a frontend is there for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Service(ObjectKey),
    /// A pod that takes a port of its node.
    Pod(ObjectKey),
}

impl Owner {
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Service(key) | Self::Pod(key) => key,
        }
    }
}

/// A frontend's owner and backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub owner: Owner,
    pub backends: Arc<Backends>,
}

/// A change costs what the changed owner costs, however many others there are. Clones share what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: OrdMap<Frontend, Row>,
    by_owner: OrdMap<Owner, Arc<BTreeSet<Frontend>>>,
}

impl Table {
    pub fn get(&self, frontend: &Frontend) -> Option<&Row> {
        self.rows.get(frontend)
    }

    /// By address.
    pub fn iter(&self) -> impl Iterator<Item = (&Frontend, &Row)> {
        self.rows.iter()
    }

    /// Replaces all that an owner has; says which frontends that touched. An address that two claim is the later one's: the news that the
    /// other has given it up is on its way.
    pub(super) fn put(&mut self, owner: &Owner, wanted: BTreeMap<Frontend, Backends>) -> BTreeSet<Frontend> {
        let mut touched = BTreeSet::new();
        for frontend in self.by_owner.get(owner).cloned().unwrap_or_default().iter().filter(|had| !wanted.contains_key(*had)) {
            if self.rows.get(frontend).is_some_and(|row| row.owner == *owner) {
                self.rows.remove(frontend);
                touched.insert(*frontend);
            }
        }
        let has: BTreeSet<Frontend> = wanted.keys().copied().collect();
        if has.is_empty() {
            _ = self.by_owner.remove(owner)
        } else {
            _ = self.by_owner.insert(owner.clone(), Arc::new(has))
        }
        for (frontend, backends) in wanted {
            let row = Row { owner: owner.clone(), backends: Arc::new(backends) };
            if self.rows.get(&frontend) != Some(&row) {
                self.rows.insert(frontend, row);
                touched.insert(frontend);
            }
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::runtime::network::{Place, Protocol};

    fn key(name: &str) -> Owner {
        Owner::Service(ObjectKey::new("default", name))
    }

    fn at(port: u16) -> Frontend {
        Frontend { place: Place::Service(SocketAddr::from(([10, 96, 0, 1], port))), protocol: Protocol::Tcp }
    }

    fn wanted(ports: &[u16], backend: u8) -> BTreeMap<Frontend, Backends> {
        let backends = Backends::new([SocketAddr::from(([10, 1, 0, backend], 80))], None);
        ports.iter().map(|port| (at(*port), backends.clone())).collect()
    }

    #[test]
    fn only_what_changed_is_touched() {
        let mut table = Table::default();
        assert_eq!(table.put(&key("a"), wanted(&[1, 2], 1)), [at(1), at(2)].into());
        assert_eq!(table.put(&key("a"), wanted(&[1, 2], 1)), [].into());
        assert_eq!(table.put(&key("a"), wanted(&[1, 3], 1)), [at(2), at(3)].into());
        assert_eq!(table.put(&key("a"), wanted(&[1, 3], 2)), [at(1), at(3)].into());
        assert_eq!(table.put(&key("a"), BTreeMap::new()), [at(1), at(3)].into());
        assert_eq!((table.rows.len(), table.by_owner.len()), (0, 0));
    }

    #[test]
    fn an_address_that_changes_hands_is_never_without_an_owner() {
        let mut table = Table::default();
        table.put(&key("a"), wanted(&[1], 1));
        table.put(&key("b"), wanted(&[1], 2));
        assert_eq!(table.put(&key("a"), BTreeMap::new()), [].into());
        assert_eq!(table.get(&at(1)).unwrap().owner, key("b"));
    }
}

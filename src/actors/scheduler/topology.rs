//! Nodes by the value of a label: the domains within which pods are counted.

use std::collections::BTreeMap;

/// The place of a domain in the columns of a topology and of all that counts by it.
type Domain = usize;
const NONE: u32 = u32::MAX;

/// The domains of one label, as a column beside the nodes'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Domains stay when their last node goes.
    values: BTreeMap<String, u32>,
    /// Each node's, by the node's place.
    of: Vec<u32>,
}

impl Topology {
    /// The domain of a node, if it has the label.
    pub fn domain(&self, place: usize) -> Option<Domain> {
        self.of.get(place).filter(|domain| **domain != NONE).map(|domain| *domain as Domain)
    }

    /// A node has this value, or none, from now on.
    pub fn set(&mut self, place: usize, value: Option<&String>) {
        if self.of.len() <= place {
            self.of.resize(place + 1, NONE);
        }
        self.of[place] = match value {
            None => NONE,
            Some(value) => match self.values.get(value) {
                Some(domain) => *domain,
                None => {
                    let next = u32::try_from(self.values.len()).expect("fewer values than nodes, and those are in memory");
                    self.values.insert(value.clone(), next);
                    next
                }
            },
        };
    }

    /// How many domains these nodes are in.
    pub fn distinct(&self, places: impl Iterator<Item = usize>) -> usize {
        let mut seen = vec![false; self.values.len()];
        places.filter_map(|place| self.domain(place)).filter(|domain| !std::mem::replace(&mut seen[*domain], true)).count()
    }
}

/// One number for each domain of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column(Vec<i64>);

impl Column {
    pub fn get(&self, domain: Domain) -> i64 {
        self.0.get(domain).copied().unwrap_or(0)
    }

    pub fn add(&mut self, domain: Domain, number: i64) {
        if self.0.len() <= domain {
            self.0.resize(domain + 1, 0);
        }
        self.0[domain] += number;
    }

    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|number| *number == 0)
    }

    /// By domain, of those up to the last that anything was ever added to.
    pub fn iter(&self) -> impl Iterator<Item = (Domain, i64)> {
        self.0.iter().copied().enumerate()
    }
}

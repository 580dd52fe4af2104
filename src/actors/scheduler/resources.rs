//! Amounts of what nodes have and pods ask for.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::quantity::Quantity;

/// What a pod that asks for nothing is taken to use when nodes are compared: 0.1 cores.
pub const UNASKED_CPU: i64 = 100;
/// As [`UNASKED_CPU`]: 200 MB.
pub const UNASKED_MEMORY: i64 = 200 * 1024 * 1024;

/// Amounts by resource. The common four stand apart, since every node is compared by them for every pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    pub pods: i64,
    /// Extended resources, huge pages and the like, in their own units.
    pub others: BTreeMap<String, i64>,
}

impl Resources {
    /// Reads quantities that the API has validated; what is unreadable all the same counts as nothing.
    pub fn from_quantities(quantities: &BTreeMap<String, Text>) -> Self {
        let mut resources = Self::default();
        for (name, text) in quantities {
            let Ok(quantity) = text.0.parse::<Quantity>() else { continue };
            match name.as_str() {
                "cpu" => resources.cpu = quantity.milli_value(),
                "memory" => resources.memory = quantity.value(),
                "ephemeral-storage" => resources.ephemeral_storage = quantity.value(),
                "pods" => resources.pods = quantity.value(),
                _ => _ = resources.others.insert(name.clone(), quantity.value()),
            }
        }
        resources
    }

    /// The larger of the two, resource by resource.
    pub fn at_least(&mut self, other: &Self) {
        self.cpu = self.cpu.max(other.cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(other.ephemeral_storage);
        self.pods = self.pods.max(other.pods);
        for (name, amount) in &other.others {
            let mine = self.others.entry(name.clone()).or_default();
            *mine = (*mine).max(*amount);
        }
    }
}

impl AddAssign<&Resources> for Resources {
    fn add_assign(&mut self, other: &Resources) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        self.ephemeral_storage += other.ephemeral_storage;
        self.pods += other.pods;
        for (name, amount) in &other.others {
            *self.others.entry(name.clone()).or_default() += amount;
        }
    }
}

impl SubAssign<&Resources> for Resources {
    fn sub_assign(&mut self, other: &Resources) {
        self.cpu -= other.cpu;
        self.memory -= other.memory;
        self.ephemeral_storage -= other.ephemeral_storage;
        self.pods -= other.pods;
        for (name, amount) in &other.others {
            *self.others.entry(name.clone()).or_default() -= amount;
        }
    }
}

//! The simulated machines on which the nodes' containers run. They outlive the process that looks after them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Setup;
use super::journal::{ContainerChange, Event, Journal};
use crate::actors::kubelet::{Machine as Outside, Options};
use crate::runtime::containers::simulated::Simulated;
use crate::runtime::entropy::Entropy;
use crate::runtime::network::Cidr;

/// All machines, in order. Clones are the same machines.
#[derive(Clone)]
pub struct Machines(Arc<Vec<Machine>>);

/// One machine, and the node that it is.
pub struct Machine {
    pub name: String,
    /// The failure domain that it stands in.
    pub zone: String,
    /// To be meddled with.
    pub runtime: Simulated,
    outside: Outside,
    address: IpAddr,
    pods: Cidr,
}

/// Writes down what happens to a machine's containers.
fn watch(name: &str, runtime: &Simulated, journal: Journal) {
    let node: Arc<str> = name.into();
    runtime.on_happening(move |happening| {
        let what = happening.exit.map_or(ContainerChange::Started, ContainerChange::Ended);
        let (pod_uid, name, id) = (happening.owner.into(), happening.name.into(), happening.id.0.clone());
        journal.write(Event::Container { node: node.clone(), pod_uid, name, id, what });
    });
}

impl Machines {
    /// # Panics
    /// There are more nodes than the range of pods has room for.
    pub fn new(setup: &Setup, entropy: &Entropy, journal: &Journal) -> Self {
        let machine = |index: u32| {
            let name = format!("node-{index}");
            let pods = setup.pod_range.share(index, setup.nodes).expect("the range of pods has room for every node");
            let (outside, runtime) = Outside::simulated(setup.containers.clone(), pods, entropy.split(&name));
            let address = IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + index));
            watch(&name, &runtime, journal.clone());
            let zone = format!("zone-{}", index % setup.zones.max(1));
            Machine { name, runtime, outside, address, pods, zone }
        };
        Self(Arc::new((0..setup.nodes).map(machine).collect()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Machine> {
        self.0.iter()
    }

    /// The machine of that name.
    pub fn named(&self, name: &str) -> Option<&Machine> {
        self.iter().find(|machine| machine.name == name)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::Index<usize> for Machines {
    type Output = Machine;

    fn index(&self, index: usize) -> &Machine {
        &self.0[index]
    }
}

impl Machine {
    /// As whom its kubelet speaks to the API.
    pub fn user(&self) -> String {
        format!("system:node:{}", self.name)
    }

    pub(super) fn outside(&self) -> Outside {
        self.outside.clone()
    }

    pub(super) fn options(&self) -> Options {
        let labels = BTreeMap::from([("topology.kubernetes.io/zone".to_owned(), self.zone.clone())]);
        Options { pod_range: Some(self.pods), labels, ..Options::new(self.name.clone(), self.address) }
    }
}

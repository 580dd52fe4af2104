//! The simulated machines on which the nodes' containers run. They outlive the process that looks after them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Setup;
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
    /// To be meddled with.
    pub runtime: Simulated,
    outside: Outside,
    address: IpAddr,
    pods: Cidr,
}

impl Machines {
    /// # Panics
    /// There are more nodes than the range of pods has room for.
    pub fn new(setup: &Setup, entropy: &Entropy) -> Self {
        let machine = |index: u32| {
            let name = format!("node-{index}");
            let pods = setup.pod_range.share(index, setup.nodes).expect("the range of pods has room for every node");
            let (outside, runtime) = Outside::simulated(setup.containers.clone(), pods, entropy.split(&name));
            let address = IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + index));
            Machine { name, runtime, outside, address, pods }
        };
        Self(Arc::new((0..setup.nodes).map(machine).collect()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Machine> {
        self.0.iter()
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
        Options { pod_range: Some(self.pods), ..Options::new(self.name.clone(), self.address) }
    }
}

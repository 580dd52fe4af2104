//! The simulated machines on which the nodes' containers run. They outlive the process that looks after them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;

use super::Setup;
use super::journal::{ContainerChange, Event, Journal};
use super::replay::{FoundAgain, Past};
use crate::actors::kubelet::{Machine as Outside, Options, Resources};
use crate::runtime::containers::RuntimeInfo;
use crate::runtime::containers::simulated::{Profile, Simulated};
use crate::runtime::entropy::Entropy;

/// The label that says in which failure domain a node is.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// All machines, in order. Clones are the same machines.
#[derive(Clone)]
pub struct Machines(Arc<Vec<Machine>>);

/// What a machine is to be, and the node on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hardware {
    pub name: String,
    /// The failure domain that it stands in.
    pub zone: String,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    /// What it has, if that is not what all have.
    pub resources: Option<Resources>,
}

impl Hardware {
    /// Machines that differ by nothing but their failure domains.
    pub fn alike(count: u32, zones: u32) -> Vec<Self> {
        let one = |index: u32| {
            let zone = format!("zone-{}", index % zones.max(1));
            let labels = BTreeMap::from([(ZONE.to_owned(), zone.clone())]);
            Self { name: format!("node-{index}"), zone, labels, ..Self::default() }
        };
        (0..count).map(one).collect()
    }
}

/// One machine, and the node that it is.
pub struct Machine {
    pub name: String,
    /// The failure domain that it stands in.
    pub zone: String,
    /// To be meddled with.
    pub runtime: Simulated,
    outside: Outside,
    options: Options,
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
        let count = u32::try_from(setup.machines.len()).unwrap_or(u32::MAX);
        let machine = |(index, hardware): (u32, &Hardware)| {
            let name = hardware.name.clone();
            let pods = setup.pod_range.share(index, count).expect("the range of pods has room for every node");
            let (outside, runtime) = Outside::simulated(setup.containers.clone(), pods, entropy.split(&name));
            let address = IpAddr::from(Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 16, 0, 1)) + index));
            watch(&name, &runtime, journal.clone());
            let Hardware { labels, taints, resources, .. } = hardware.clone();
            let options = Options { pod_range: Some(pods), labels, taints, resources, ..Options::new(name.clone(), address) };
            Machine { name, runtime, outside, options, zone: hardware.zone.clone() }
        };
        let again = |past: &Arc<Past>| Machine::again(past, setup, entropy, journal);
        Self(Arc::new(match &setup.replay {
            Some(plot) => plot.nodes.iter().map(again).collect(),
            None => (0..count).zip(&setup.machines).map(machine).collect(),
        }))
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
        self.options.clone()
    }

    /// The machine of a recording, whose containers do again what they did.
    fn again(past: &Arc<Past>, setup: &Setup, entropy: &Entropy, journal: &Journal) -> Self {
        let node = past.node.clone();
        let info = RuntimeInfo {
            name: node.runtime,
            version: node.version,
            kernel: node.kernel,
            operating_system: node.operating_system,
            architecture: node.architecture,
            cpus: node.cpus,
            memory_bytes: node.memory_bytes,
            storage_bytes: node.storage_bytes,
            warning: None,
        };
        let pods = node.pod_range.and_then(|range| range.parse().ok());
        let profile = Profile { poses_as: Some(info), ..Profile::default() };
        let (outside, runtime) = Outside::simulated(profile, pods.unwrap_or(setup.pod_range), entropy.split(&node.name));
        watch(&node.name, &runtime, journal.clone());
        runtime.follow(past.clone());
        past.images.iter().for_each(|(reference, image)| runtime.have_image(reference, image.image()));
        runtime.adopt(&past.sandboxes, &past.containers);
        let outside = Outside { findings: Arc::new(FoundAgain { past: past.clone(), runtime: runtime.clone() }), ..outside };
        let address = node.addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let options = Options {
            pod_range: pods,
            labels: node.labels,
            node_ips: node.addresses,
            cluster_dns: node.cluster_dns,
            ..Options::new(node.name.clone(), address)
        };
        Self { name: node.name, zone: String::new(), runtime, outside, options }
    }
}

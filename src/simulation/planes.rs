//! The control planes of a process: one that acts, or several of which the one acts that leads.

use std::sync::Arc;

use super::network::Network;
use crate::actors::control_plane::{Candidacy, Clients, ControlPlane, Options, stand};
use crate::actors::informer::{Informers, ObjectKey};
use crate::actors::leader::Leadership;
use crate::runtime::entropy::Entropy;
use crate::runtime::supervision::{Strategy, Supervisor};

/// As whom the parts of a control plane speak; of several, each has its number behind a slash.
pub const CONTROLLERS: &str = "system:kube-controller-manager";
pub const SCHEDULER: &str = "system:kube-scheduler";
/// As whom speaks what belongs to none of several.
const PROXY: &str = "system:kube-proxy";

/// More are of no use to anybody.
pub const PLANES_MAX: u32 = 5;

/// As whom the control plane of that number pursues its lease: faults may single it out.
pub fn candidate(number: usize) -> String {
    format!("{CONTROLLERS}/{number}/lease")
}

/// Which of several control planes speaks, if it is that part of one; nothing but `Some` if there is but one.
pub fn plane<'a>(user: &'a str, part: &str) -> Option<&'a str> {
    user.strip_prefix(part).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The control planes of a process that runs.
pub struct Planes {
    /// For whoever is no part of one.
    pub informers: Informers,
    /// Of each, in order, whether it leads; of a single one nobody asks.
    pub claims: Vec<Leadership>,
}

impl Planes {
    pub fn start(count: u32, root: &Supervisor, network: &Network, entropy: &Entropy, controls: &Options) -> Self {
        if count < 2 {
            let clients = Clients { of: |user: &str| network.client(user) };
            return Self { informers: ControlPlane::start(root, &clients, entropy, controls).informers, claims: Vec::new() };
        }
        let shared = root.supervisor("informers", Strategy::OneForOne);
        let informers = Informers::new(shared, network.client(PROXY), &entropy.split("informers"));
        let stands = |number: usize| {
            let wires = network.clone();
            let clients = Arc::new(move |user: &str| wires.client(&format!("{user}/{number}")));
            let (lease, identity) = (ObjectKey::new("kube-system", "control-plane"), number.to_string());
            let candidacy = Candidacy { lease, identity, client: network.client(&candidate(number)) };
            stand(root, clients, candidacy, &entropy.split("control planes"), controls)
        };
        Self { informers, claims: (0..count as usize).map(stands).collect() }
    }
}

//! The listeners that are there: the part of the world that a proxier keeps in step with its table.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;
use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::backends::Backends;
use super::frontend::Frontend;
use super::listener::{Listener, Retire};
use crate::runtime::entropy::Entropy;
use crate::runtime::network::{Place, ServiceNetwork};
use crate::runtime::supervision::{ChildSpec, Restart, Supervisor};

/// Outlives every proxier: one that panics interrupts nobody.
pub struct Listeners {
    supervisor: Supervisor,
    network: Arc<dyn ServiceNetwork>,
    entropy: Entropy,
    open: Mutex<BTreeMap<Frontend, Open>>,
}

struct Open {
    address: Addr<Listener>,
    backends: Arc<ArcSwap<Backends>>,
}

impl Listeners {
    pub fn new(supervisor: Supervisor, network: Arc<dyn ServiceNetwork>, entropy: Entropy) -> Self {
        Self { supervisor, network, entropy, open: Mutex::default() }
    }

    /// Starts, changes or retires one. Nobody listens for a service without backends, so that the kernel refuses its clients.
    pub fn set(&self, frontend: Frontend, backends: Option<&Arc<Backends>>) {
        let is_reachable = matches!(frontend.place, Place::Node(_)) || self.network.has_service_addresses();
        let backends = backends.filter(|backends| is_reachable && !backends.is_empty());
        let mut open = self.open.lock();
        match (open.get(&frontend), backends) {
            (Some(listener), Some(backends)) => listener.backends.store(backends.clone()),
            (None, Some(backends)) => _ = open.insert(frontend, self.start(frontend, backends)),
            (Some(listener), None) => {
                listener.address.do_send(Retire);
                open.remove(&frontend);
            }
            (None, None) => {}
        }
    }

    /// Those that there are.
    pub fn frontends(&self) -> Vec<Frontend> {
        self.open.lock().keys().copied().collect()
    }

    fn start(&self, frontend: Frontend, backends: &Arc<Backends>) -> Open {
        let backends = Arc::new(ArcSwap::new(backends.clone()));
        let (network, route, name) = (self.network.clone(), backends.clone(), frontend.to_string());
        let stream = self.entropy.split(&name);
        let mut starts = 0_u64;
        let build = move || {
            starts += 1;
            Listener::new(frontend, network.clone(), route.clone(), stream.split(&starts.to_string()))
        };
        Open { address: self.supervisor.start(ChildSpec::new(name, build).restart(Restart::Transient).mailbox(4)), backends }
    }
}

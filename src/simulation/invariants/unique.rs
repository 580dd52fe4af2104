use std::collections::BTreeMap;

use super::{Broken, Invariant, Moment, Rest};
use crate::runtime::store::Key;
use crate::simulation::journal::Event;
use crate::simulation::scene::{Details, View};

/// A cluster IP and a node port have one service, a host port of a node one running pod. At rest no cluster IP is kept for a service that
/// does not have it.
#[derive(Default)]
pub struct Unique {
    owners: BTreeMap<String, Key>,
}

impl Invariant for Unique {
    fn name(&self) -> &'static str {
        "addresses-have-one-owner"
    }

    fn source(&self) -> &'static str {
        "Service ClusterIP allocation; Service, \"Type: NodePort\"; Configuration best practices, hostPort"
    }

    fn see(&mut self, moment: &Moment<'_>) -> Result<(), Broken> {
        let Event::Commit { key, .. } = &moment.entry.event else { return Ok(()) };
        for address in moment.change.before.iter().flat_map(|view| addresses(view)) {
            if self.owners.get(&address) == Some(key) {
                self.owners.remove(&address);
            }
        }
        for address in moment.change.after.iter().flat_map(|view| addresses(view)) {
            if let Some(other) = self.owners.insert(address.clone(), key.clone()).filter(|other| other != key) {
                return Err(Broken::of(key, format!("it has {address}, which {other} has too")));
            }
        }
        Ok(())
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), Broken> {
        let allocated =
            |view: &View| view.meta.labels.get("ipaddress.kubernetes.io/managed-by").is_some_and(|by| by == "ipallocator.k8s.io");
        let mut kept = rest.scene.of("ipaddresses").filter(|(_, view)| allocated(view));
        match kept.find(|(_, view)| !self.owners.contains_key(&format!("cluster IP {}", view.meta.name))) {
            Some((key, _)) => Err(Broken::of(key, "it is allocated, and no service has it")),
            None => Ok(()),
        }
    }
}

fn addresses(view: &View) -> Vec<String> {
    match &view.details {
        Details::Service(service) => {
            let ips = service.cluster_ips.iter().map(|ip| format!("cluster IP {ip}"));
            ips.chain(service.node_ports.iter().map(|port| format!("node port {port}"))).collect()
        }
        Details::Pod(pod) if pod.phase == "Running" && view.meta.deletion_timestamp.is_none() => {
            pod.host_ports.iter().map(|port| format!("host port {port} of {}", pod.node)).collect()
        }
        _ => Vec::new(),
    }
}

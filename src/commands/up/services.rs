//! How services are reached on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Up;
use super::nodes::{Ground, Nodes};
use crate::actors::dns;
use crate::actors::proxy::{self, Node};
use crate::commands::Failure;
use crate::runtime::network::{NodeOnly, ServiceNamespace, ServiceNetwork};
use crate::runtime::recording::Record;
use crate::runtime::supervision::Strategy;

/// Starts the proxy, and the name server where service addresses can be reached. Where nothing runs, it keeps its table and opens no sockets.
///
/// # Errors
/// The network of services cannot be made.
pub async fn start(options: &Up, ground: &Ground<'_>, nodes: &Nodes, api_server: SocketAddr) -> Result<(), Failure> {
    let network: Option<Arc<dyn ServiceNetwork>> = match &nodes.host {
        None => None,
        Some(host) if host.routed => {
            let open = ServiceNamespace::open(ground.cluster, options.service_cidr).await;
            Some(Arc::new(open.map_err(|error| format!("the network of services cannot be made: {error}"))?))
        }
        Some(_) => Some(Arc::new(NodeOnly)),
    };
    let node = match &nodes.host {
        None => Node::default(),
        Some(host) => Node {
            name: host.name.clone(),
            addresses: vec![host.address, IpAddr::V4(Ipv4Addr::LOCALHOST)],
            api_server: Some(api_server),
            // Docker opens those of pods on its own network.
            opens_host_ports: host.routed,
        },
    };
    let supervisor = ground.root.supervisor("proxy", Strategy::OneForOne);
    proxy::start(&supervisor, ground.informers, ground.entropy, proxy::Options { node, network: network.clone() });
    let network = network.filter(|network| network.has_service_addresses());
    if let (Some(network), Some(address)) = (network, options.service_cidr.nth(10)) {
        let upstreams = dns::name_servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        let address = SocketAddr::new(address, 53);
        ground.recorder.write(|| Record::NameServer { address });
        let options = dns::Options { address, upstreams, network: Some(network) };
        dns::start(&supervisor, ground.informers, (ground.client)("system:dns"), ground.entropy, options);
    }
    Ok(())
}

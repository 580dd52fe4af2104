use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use async_trait::async_trait;

use super::links::{Links, Mac, enable_forwarding};
use super::routed::{HOST_MAC, INTERFACE, found, link_name, mark};
use super::service_network::{bind, listen};
use super::{Cidr, NetworkError, NetworkNamespace, Place, ServiceNetwork};

/// A network namespace that owns every address of the service range, by one route. Node and pods reach it by a pair of links. Whoever
/// listens at a service's address listens in there, so nothing that listens on the node can be in the way.
///
/// It lives as long as this process and the sockets in it; the kernel then takes the links and routes away. The node's end is marked as
/// the cluster's, like the pods' ([`super::RoutedNetwork::remove_everything`]). The cluster's rules must let the range through.
pub struct ServiceNamespace(NetworkNamespace);

/// The stations at the node's and at the namespace's end. Link-local, so neither can be a destination.
const NODE: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 2);
const SERVICES: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 3);
const SERVICES_MAC: Mac = [0x02, 0x4b, 169, 254, 1, 3];

impl ServiceNamespace {
    /// Makes a cluster's, in place of one that a process before may have left.
    ///
    /// # Errors
    /// A privilege lacks ([`super::RoutedNetwork::is_permitted`]), the range is not IPv4, or the node uses it already.
    pub async fn open(cluster: &str, range: Cidr) -> Result<Self, NetworkError> {
        let failed = |reason: String| NetworkError::Failed { doing: "opening the network of services", reason };
        let IpAddr::V4(address) = range.address() else { return Err(failed(format!("{range} is not IPv4"))) };
        let services = (address, range.prefix());
        enable_forwarding()?;
        let namespace = NetworkNamespace::create().await.map_err(|error| failed(error.to_string()))?;

        let inner = Links::inside(&namespace).await?;
        let loopback = found(inner.find("lo").await?)?;
        inner.set_up(loopback.index).await?;
        inner.own_range(loopback.index, services).await?;

        let alias = format!("{}services", mark(cluster));
        let (links, name) = (Links::of_host()?, link_name(&alias));
        links.delete(&name).await?;
        links.add_pair((&name, HOST_MAC), (INTERFACE, SERVICES_MAC), &namespace).await?;

        let end = found(inner.find(INTERFACE).await?)?;
        inner.set_up(end.index).await?;
        inner.add_address(end.index, SERVICES).await?;
        inner.add_neighbour(end.index, NODE, HOST_MAC).await?;
        inner.add_route(end.index, NODE).await?;
        inner.add_default_route(end.index, NODE).await?;

        let host = found(links.find(&name).await?)?;
        links.set_alias(host.index, &alias).await?;
        links.set_up(host.index).await?;
        links.add_address(host.index, NODE).await?;
        links.add_neighbour(host.index, SERVICES, SERVICES_MAC).await?;
        links.add_range(host.index, services, SERVICES).await?;
        Ok(Self(namespace))
    }
}

#[async_trait]
impl ServiceNetwork for ServiceNamespace {
    fn has_service_addresses(&self) -> bool {
        true
    }

    async fn listen(&self, place: Place) -> io::Result<TcpListener> {
        match place {
            Place::Service(address) => self.0.run(move || listen(address)).await,
            Place::Node(address) => listen(address),
        }
    }

    async fn bind(&self, place: Place) -> io::Result<UdpSocket> {
        match place {
            Place::Service(address) => self.0.run(move || bind(address)).await,
            Place::Node(address) => bind(address),
        }
    }
}

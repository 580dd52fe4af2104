use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use futures::stream::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteScope, RouteType};
use nix::errno::Errno;
use rtnetlink::{Error, Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tokio_util::task::AbortOnDropHandle;

use super::{Cidr, NetworkError, NetworkNamespace};

type Result<T> = std::result::Result<T, NetworkError>;

pub(super) type Mac = [u8; 6];

/// Where the kernel looks for a namespace's own addresses (`ip-route(8)`).
const TABLE_LOCAL: u32 = 255;

/// The links, addresses and routes of one network namespace (`rtnetlink(7)`).
pub(super) struct Links {
    handle: Handle,
    _connection: AbortOnDropHandle<()>,
}

/// A link as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub index: u32,
    pub name: String,
    /// What whoever made it wrote on it; empty if nothing.
    pub alias: String,
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub destination: Cidr,
    pub link: Option<u32>,
}

impl Links {
    /// Those of this process's own namespace.
    pub fn of_host() -> Result<Self> {
        rtnetlink::new_connection().map(Self::connected).map_err(|error| failed("opening netlink", &error))
    }

    /// Those of another namespace.
    pub async fn inside(namespace: &NetworkNamespace) -> Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let open = move || {
            let _runtime = runtime.enter();
            rtnetlink::new_connection()
        };
        namespace.run(open).await.map(Self::connected).map_err(|error| failed("opening netlink in the sandbox", &error))
    }

    fn connected<C: Future<Output = ()> + Send + 'static, M>((connection, handle, _): (C, Handle, M)) -> Self {
        Self { handle, _connection: AbortOnDropHandle::new(tokio::spawn(connection)) }
    }

    pub async fn list(&self) -> Result<Vec<Link>> {
        let links = self.handle.link().get().execute().map_ok(read_link);
        links.try_collect().await.map_err(|error| failed("listing links", &error))
    }

    pub async fn find(&self, name: &str) -> Result<Option<Link>> {
        let links = self.handle.link().get().match_name(name.to_owned()).execute().map_ok(read_link);
        match links.try_collect::<Vec<_>>().await {
            Ok(links) => Ok(links.into_iter().next()),
            Err(Error::NetlinkError(error)) if error.raw_code() == -(Errno::ENODEV as i32) => Ok(None),
            Err(error) => Err(failed("finding a link", &error)),
        }
    }

    /// Makes a pair of links, both down: one here, the other in `namespace`.
    pub async fn add_pair(&self, here: (&str, Mac), there: (&str, Mac), namespace: &NetworkNamespace) -> Result<()> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new().name(there.0).address(there.1.to_vec());
        let peer = peer.setns_by_fd(namespace.as_raw_fd()).build();
        let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth).name(here.0).address(here.1.to_vec());
        let pair = pair.set_info_data(InfoData::Veth(InfoVeth::Peer(peer))).build();
        self.handle.link().add(pair).execute().await.map_err(|error| failed("adding a pair of links", &error))
    }

    pub async fn set_alias(&self, link: u32, alias: &str) -> Result<()> {
        let message = LinkUnspec::new_with_index(link).alias(alias).build();
        self.handle.link().set(message).execute().await.map_err(|error| failed("naming a link", &error))
    }

    pub async fn set_up(&self, link: u32) -> Result<()> {
        let message = LinkUnspec::new_with_index(link).up().build();
        self.handle.link().set(message).execute().await.map_err(|error| failed("setting a link up", &error))
    }

    /// Deletes a link by its name. It may be gone: the kernel deletes a pair with the namespace of either.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let Some(link) = self.find(name).await? else { return Ok(()) };
        match self.handle.link().del(link.index).execute().await {
            Err(error) if self.find(name).await?.is_some() => Err(failed("deleting a link", &error)),
            _ => Ok(()),
        }
    }

    /// Gives a link an address of its own, without a network around it.
    pub async fn add_address(&self, link: u32, address: Ipv4Addr) -> Result<()> {
        let added = self.handle.address().add(link, address.into(), 32).replace().execute().await;
        added.map_err(|error| failed("adding an address", &error))
    }

    /// Says which station has an address, for good: nobody is asked.
    pub async fn add_neighbour(&self, link: u32, address: Ipv4Addr, mac: Mac) -> Result<()> {
        let neighbour = self.handle.neighbours().add(link, address.into()).link_layer_address(&mac).replace();
        neighbour.execute().await.map_err(|error| failed("adding a neighbour", &error))
    }

    /// Routes one address straight to a link.
    pub async fn add_route(&self, link: u32, address: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, 32).output_interface(link).scope(RouteScope::Link);
        self.handle.route().add(route.build()).execute().await.map_err(|error| failed("adding a route", &error))
    }

    pub async fn add_default_route(&self, link: u32, gateway: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).output_interface(link);
        self.handle.route().add(route.build()).execute().await.map_err(|error| failed("adding the default route", &error))
    }

    /// Routes a range to a link by a station that is known on it ([`Links::add_neighbour`]).
    pub async fn add_range(&self, link: u32, (address, prefix): (Ipv4Addr, u8), station: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, prefix).gateway(station).output_interface(link);
        self.handle.route().add(route.onlink().build()).execute().await.map_err(|error| failed("routing a range", &error))
    }

    /// Makes every address of a range the namespace's own. `loopback` is its loopback.
    pub async fn own_range(&self, loopback: u32, (address, prefix): (Ipv4Addr, u8)) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, prefix).output_interface(loopback);
        let route = route.kind(RouteType::Local).scope(RouteScope::Host).table_id(TABLE_LOCAL);
        self.handle.route().add(route.build()).execute().await.map_err(|error| failed("owning a range", &error))
    }

    /// The IPv4 routes of the main table.
    pub async fn routes(&self) -> Result<Vec<Route>> {
        let routes = self.handle.route().get(RouteMessageBuilder::<Ipv4Addr>::new().build()).execute();
        let routes: Vec<_> = routes.try_collect().await.map_err(|error| failed("listing routes", &error))?;
        Ok(routes.iter().filter_map(read_route).collect())
    }
}

fn failed(doing: &'static str, error: &(impl ToString + ?Sized)) -> NetworkError {
    NetworkError::Failed { doing, reason: error.to_string() }
}

fn read_link(message: LinkMessage) -> Link {
    let mut link = Link { index: message.header.index, name: String::new(), alias: String::new() };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = alias,
            _ => {}
        }
    }
    link
}

fn read_route(message: &RouteMessage) -> Option<Route> {
    if message.header.address_family != AddressFamily::Inet || message.header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let mut destination = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut link = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => destination = IpAddr::V4(*address),
            RouteAttribute::Oif(index) => link = Some(*index),
            _ => {}
        }
    }
    Some(Route { destination: Cidr::new(destination, message.header.destination_prefix_length)?, link })
}

/// Turns forwarding between links on, as a router needs it.
pub(super) fn enable_forwarding() -> Result<()> {
    const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";
    let set = |result: io::Result<()>| result.map_err(|error| failed("turning IP forwarding on", &error));
    match std::fs::read_to_string(SWITCH) {
        Ok(value) if value.trim() == "1" => Ok(()),
        _ => set(std::fs::write(SWITCH, "1")),
    }
}

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use async_trait::async_trait;

/// Where clients find a service's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At an address of the service range, which no interface of the node has.
    Service(SocketAddr),
    /// At an address of the node itself.
    Node(SocketAddr),
}

/// What is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Place {
    pub fn address(self) -> SocketAddr {
        match self {
            Self::Service(address) | Self::Node(address) => address,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// Opens the sockets at which services are reached. They do not block. What they pass on is sent from the node's own network.
#[async_trait]
pub trait ServiceNetwork: Send + Sync + 'static {
    /// There is something behind a [`Place::Service`].
    fn has_service_addresses(&self) -> bool;

    async fn listen(&self, place: Place) -> io::Result<TcpListener>;

    async fn bind(&self, place: Place) -> io::Result<UdpSocket>;
}

/// What a process may do without privileges: listen on the node's addresses. Services are reached by their node ports only, and pods
/// find none by name.
pub struct NodeOnly;

impl NodeOnly {
    fn own(place: Place) -> io::Result<SocketAddr> {
        match place {
            Place::Node(address) => Ok(address),
            Place::Service(address) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{address} is an address of no interface, and making it one needs root"),
            )),
        }
    }
}

#[async_trait]
impl ServiceNetwork for NodeOnly {
    fn has_service_addresses(&self) -> bool {
        false
    }

    async fn listen(&self, place: Place) -> io::Result<TcpListener> {
        listen(Self::own(place)?)
    }

    async fn bind(&self, place: Place) -> io::Result<UdpSocket> {
        bind(Self::own(place)?)
    }
}

/// In the network of this thread.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// In the network of this thread.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The address that stands for any local one, of the same family as `other`.
pub fn unspecified(other: SocketAddr) -> SocketAddr {
    let any: IpAddr = if other.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(any, 0)
}

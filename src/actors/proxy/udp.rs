//! The UDP half of a listener: a flow a client, to one backend, until both are silent.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::listener::Route;
use crate::runtime::clock;
use crate::runtime::network::unspecified;

/// As long as the kernel's connection tracking keeps a stream of datagrams.
const IDLE: Duration = Duration::from_secs(120);

/// Clients at once. Datagrams of more are dropped, as datagrams may be.
const FLOWS: usize = 8192;

/// Datagrams of a client that wait for its backend's socket. More are dropped.
const WAITING: usize = 64;

/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// A client's end of a flow.
struct Flow {
    backend: SocketAddr,
    datagrams: mpsc::Sender<Box<[u8]>>,
}

/// Ends with the error of the socket at which clients arrive.
pub async fn serve(socket: UdpSocket, route: Route) -> io::Error {
    let socket = Rc::new(socket);
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut running = FuturesUnordered::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        tokio::select! {
            biased;
            Some(client) = running.next() => {
                // A client that has come again since has a new flow.
                if flows.get(&client).is_some_and(|flow: &Flow| flow.datagrams.is_closed()) {
                    flows.remove(&client);
                }
            }
            received = socket.recv_from(&mut buffer) => {
                let (length, client) = match received {
                    Ok(received) => received,
                    // What came back for an earlier answer whose client is gone.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                    Err(error) => return error,
                };
                let is_current = |flow: &&Flow| !flow.datagrams.is_closed() && route.backends.load().has(flow.backend);
                let datagrams = match flows.get(&client).filter(is_current) {
                    Some(flow) => &flow.datagrams,
                    None => {
                        flows.remove(&client);
                        let Some(backend) = choose(&route, client).filter(|_| running.len() < FLOWS) else { continue };
                        let (datagrams, waiting) = mpsc::channel(WAITING);
                        running.push(flow(client, backend, waiting, socket.clone()));
                        &flows.entry(client).or_insert(Flow { backend, datagrams }).datagrams
                    }
                };
                // A full queue drops it.
                let _ = datagrams.try_send(buffer[..length].into());
            }
        }
    }
}

fn choose(route: &Route, client: SocketAddr) -> Option<SocketAddr> {
    let (backends, now) = (route.backends.load(), clock::instant());
    let mut balancer = route.balancer.borrow_mut();
    let backend = balancer.candidates(&backends, client.ip(), now).first().copied()?;
    balancer.connected(&backends, client.ip(), backend, now);
    Some(backend)
}

/// One client and its backend. Gives the client back at the end.
async fn flow(client: SocketAddr, backend: SocketAddr, waiting: mpsc::Receiver<Box<[u8]>>, to_client: Rc<UdpSocket>) -> SocketAddr {
    if let Err(error) = exchange(client, backend, waiting, &to_client).await {
        tracing::debug!(%client, %backend, %error, "a flow of datagrams broke");
    }
    client
}

async fn exchange(
    client: SocketAddr,
    backend: SocketAddr,
    mut waiting: mpsc::Receiver<Box<[u8]>>,
    to_client: &UdpSocket,
) -> io::Result<()> {
    let socket = UdpSocket::bind(unspecified(backend)).await?;
    socket.connect(backend).await?;
    let mut buffer = Vec::new();
    loop {
        tokio::select! {
            biased;
            datagram = waiting.recv() => match datagram {
                Some(datagram) => _ = socket.send(&datagram).await?,
                None => return Ok(()),
            },
            readable = socket.readable() => {
                readable?;
                buffer.resize(DATAGRAM, 0);
                match socket.try_recv(&mut buffer) {
                    Ok(length) => _ = to_client.send_to(&buffer[..length], client).await?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                buffer = Vec::new();
            }
            () = sleep(IDLE) => return Ok(()),
        }
    }
}

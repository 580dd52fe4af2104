//! The TCP half of a listener: each connection is a task of its own, and ends alone.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::listener::Route;
use super::relay::relay;
use crate::runtime::clock;

/// A backend that has not answered by then counts as one that refuses. The kernel repeats a lost SYN after one second.
const CONNECT: Duration = Duration::from_secs(3);

/// How long to wait when the process has no file descriptor left for a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Never ends. Connections outlive it, as they outlive their service.
pub async fn serve(listener: TcpListener, route: Route) {
    loop {
        match listener.accept().await {
            Ok((client, peer)) => drop(actix::spawn(connection(client, peer, route.clone()))),
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(mut client: TcpStream, peer: SocketAddr, route: Route) {
    let outcome = match connect(peer, &route).await {
        Some(mut backend) => match prepare(&client).and_then(|()| prepare(&backend)) {
            Ok(()) => relay(&mut client, &mut backend).await,
            Err(error) => Err(error),
        },
        None => client.set_zero_linger(),
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}

/// To the first backend that takes the connection; `None` if none does: then the client sees a reset.
async fn connect(peer: SocketAddr, route: &Route) -> Option<TcpStream> {
    let backends = route.backends.load_full();
    let candidates = route.balancer.borrow_mut().candidates(&backends, peer.ip(), clock::instant());
    for address in candidates {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                route.balancer.borrow_mut().connected(&backends, peer.ip(), address, clock::instant());
                return Some(stream);
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "a backend refused"),
            Err(_) => tracing::debug!(%address, "a backend did not answer"),
        }
    }
    None
}

/// Small messages go at once, and a peer that is gone without a word is found out.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    Ok(setsockopt(stream, sockopt::KeepAlive, &true)?)
}

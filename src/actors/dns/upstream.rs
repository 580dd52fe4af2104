//! The name servers that know the rest of the world.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_server::proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::runtime::network::unspecified;

/// As long as a resolver waits before it asks the next server (`resolv.conf(5)`'s default is 5 s; a client waits no longer for us).
const PATIENCE: Duration = Duration::from_secs(2);

/// Questions under way at once. More fail at once.
const QUESTIONS: usize = 512;

/// As many servers as a resolver takes (`resolv.conf(5)`).
const SERVERS: usize = 3;

/// Passes on questions as they came.
pub struct Upstreams {
    servers: Vec<SocketAddr>,
    under_way: Semaphore,
}

/// The name servers of a `resolv.conf`.
pub fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?.parse().ok()?;
        Some(SocketAddr::new(address, 53))
    };
    resolv_conf.lines().filter_map(address).take(SERVERS).collect()
}

impl Upstreams {
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers, under_way: Semaphore::new(QUESTIONS) }
    }

    /// The first answer that one gives; `None` if none does.
    pub async fn ask(&self, question: &[u8], over_tcp: bool) -> Option<Message> {
        let _permit = self.under_way.try_acquire().ok()?;
        for server in &self.servers {
            let asked = async { if over_tcp { ask_tcp(*server, question).await } else { ask_udp(*server, question).await } };
            match timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) if answer.get(..2) == question.get(..2) => match Message::from_vec(&answer) {
                    Ok(message) => return Some(message),
                    Err(error) => tracing::debug!(%server, %error, "a name server's answer cannot be read"),
                },
                Ok(Ok(_)) => tracing::debug!(%server, "a name server answered another question"),
                Ok(Err(error)) => tracing::debug!(%server, %error, "a name server could not be asked"),
                Err(_) => tracing::debug!(%server, "a name server did not answer"),
            }
        }
        None
    }
}

async fn ask_udp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(unspecified(server)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn ask_tcp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_servers_of_a_resolv_conf_are_its_first_three() {
        let text = "# nameserver 9.9.9.9\nsearch a b\nnameserver 1.1.1.1\nnameserver\nnameserver x\n nameserver ::1\nnameserver 2.2.2.2\nnameserver 3.3.3.3";
        let found: Vec<_> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["1.1.1.1:53", "[::1]:53", "2.2.2.2:53"]);
    }
}

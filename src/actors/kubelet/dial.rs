//! Connections from the node to its pods.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::runtime::containers::Duplex;
use crate::runtime::containers::simulated::Simulated;

/// Opens connections.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Duplex>>;
}

/// Why a connection could not be made, in the words that people search for.
pub fn refused(address: SocketAddr, error: &io::Error) -> String {
    let words = match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_lowercase(),
        None => error.to_string(),
    };
    format!("dial tcp {address}: connect: {words}")
}

/// Over TCP.
pub struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Duplex>> {
        Ok(Box::new(TcpStream::connect(address).await?))
    }
}

/// To pods that only exist in simulated time: every port of one whose containers do their work is open, and answers a request with
/// `200 OK`.
pub struct SimulatedDial(pub Simulated);

#[async_trait]
impl Dial for SimulatedDial {
    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Duplex>> {
        if !self.0.answers(address.ip()) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, mut far) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            // Whoever only wanted to connect has gone by now: then nobody hears the answer.
            if far.read(&mut [0; 64]).await.is_ok_and(|asked| asked > 0) {
                let _ = far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
        });
        Ok(Box::new(near))
    }
}

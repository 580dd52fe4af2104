//! What clients do, and how long it takes.

use std::cell::RefCell;
use std::fmt;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Of a small answer's body, in bytes.
const SMALL: usize = 100;
/// What is read at once.
const BUFFER: usize = 256 * 1024;
/// How often a proxy that does not answer yet is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(5);
/// How long it may take until it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all clients do at once.
#[derive(Clone, Copy)]
pub enum Load {
    /// Each sends one request after another over its one connection.
    KeepAlive { clients: usize, length: Duration },
    /// Each opens a connection for every request, which the server closes.
    Connections { clients: usize, length: Duration },
    /// Each reads its share in one answer.
    Bulk { streams: usize, bytes: u64 },
}

/// What came of it.
pub struct Measured {
    /// Requests, or bytes.
    pub amount: f64,
    pub elapsed: Duration,
    /// In ascending order; none of bulk.
    latencies: Vec<Duration>,
}

impl Measured {
    /// A second.
    pub fn rate(&self) -> f64 {
        self.amount / self.elapsed.as_secs_f64()
    }

    /// What 99 of 100 requests did not exceed.
    pub fn p99(&self) -> Option<Duration> {
        self.latencies.get(self.latencies.len() * 99 / 100).copied()
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepAlive { clients, .. } => write!(f, "kept-alive connections, {clients} at once"),
            Self::Connections { clients, .. } => write!(f, "a connection a request, {clients} at once"),
            Self::Bulk { streams, .. } => write!(f, "large bodies, {streams} at once"),
        }
    }
}

impl Load {
    pub fn is_bulk(self) -> bool {
        matches!(self, Self::Bulk { .. })
    }

    pub async fn drive(self, at: SocketAddr) -> Result<Measured> {
        let latencies = RefCell::new(Vec::new());
        let begun = Instant::now();
        let amount = match self {
            Self::KeepAlive { clients, length } => {
                let request = request(SMALL, false);
                try_join_all((0..clients).map(async |_| {
                    let mut stream = connect(at).await?;
                    while begun.elapsed() < length {
                        let sent = Instant::now();
                        stream.write_all(&request).await?;
                        read(&mut stream, SMALL as u64, &mut [0; 1024]).await?;
                        latencies.borrow_mut().push(sent.elapsed());
                    }
                    Ok::<_, std::io::Error>(())
                }))
                .await?;
                latencies.borrow().len() as f64
            }
            Self::Connections { clients, length } => {
                try_join_all((0..clients).map(async |_| {
                    while begun.elapsed() < length {
                        let sent = Instant::now();
                        once(at).await?;
                        latencies.borrow_mut().push(sent.elapsed());
                    }
                    Ok::<_, std::io::Error>(())
                }))
                .await?;
                latencies.borrow().len() as f64
            }
            Self::Bulk { streams, bytes } => {
                let share = bytes / streams as u64;
                try_join_all((0..streams).map(|_| bulk(at, share))).await?;
                (share * streams as u64) as f64
            }
        };
        let elapsed = begun.elapsed();
        let mut latencies = latencies.into_inner();
        latencies.sort_unstable();
        Ok(Measured { amount, elapsed, latencies })
    }
}

/// Waits until somebody answers there.
pub async fn answers(at: SocketAddr) -> std::result::Result<(), tokio::time::error::Elapsed> {
    let tries = async {
        while once(at).await.is_err() {
            tokio::time::sleep(TRY_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, tries).await
}

fn request(length: usize, is_last: bool) -> Vec<u8> {
    let last = if is_last { "Connection: close\r\n" } else { "" };
    format!("GET /{length} HTTP/1.1\r\nHost: web\r\n{last}\r\n").into_bytes()
}

async fn connect(at: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request over a connection of its own, to its end.
async fn once(at: SocketAddr) -> Result<()> {
    let mut stream = connect(at).await?;
    stream.write_all(&request(SMALL, true)).await?;
    let mut buffer = [0; 1024];
    read(&mut stream, SMALL as u64, &mut buffer).await?;
    match stream.read(&mut buffer).await? {
        0 => Ok(()),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

async fn bulk(at: SocketAddr, length: u64) -> Result<()> {
    let mut stream = connect(at).await?;
    stream.write_all(&request(usize::try_from(length).map_err(std::io::Error::other)?, true)).await?;
    read(&mut stream, length, &mut vec![0; BUFFER]).await
}

/// Reads a whole answer with a body of that length.
async fn read(stream: &mut TcpStream, body: u64, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    let head = loop {
        filled += some(stream, &mut buffer[filled..]).await?;
        if let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut missing = body.saturating_sub((filled - head) as u64);
    while missing > 0 {
        missing = missing.saturating_sub(some(stream, buffer).await? as u64);
    }
    Ok(())
}

async fn some(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    match stream.read(buffer).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

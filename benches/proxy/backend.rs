//! Web servers that do as little as they can: several addresses, one process, one thread.

use std::io::{BufRead, BufReader, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::process::Process;
use crate::role;

pub const ROLE: &str = "backend";

/// How many there are.
const COUNT: u8 = 3;

/// What is written at once of a large body.
static CHUNK: [u8; 256 * 1024] = [0; 256 * 1024];
/// A body of which at most so much goes with the answer's head.
const SHORT: usize = 1024;

/// A process with all of them, and where they are.
pub fn start() -> Outcome<(Process, Vec<SocketAddr>)> {
    let (process, printed) = role::start([ROLE.to_owned()])?;
    let lines = BufReader::new(printed).lines().take(usize::from(COUNT));
    let addresses = lines.map(|line| Ok(line?.parse()?)).collect::<Outcome<_>>()?;
    Ok((process, addresses))
}

/// Prints the address of each, and serves until it is killed. All have the same port, as the endpoints of a service do.
pub fn main() -> Outcome<()> {
    role::end_with_parent()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut port = 0;
        for last in 1..=COUNT {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 1, last], port))).await?;
            port = listener.local_addr()?.port();
            println!("{}", listener.local_addr()?);
            tokio::spawn(accept(listener));
        }
        std::future::pending().await
    })
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that goes away ends its connection, and no other.
        tokio::spawn(async { drop(serve(stream).await) });
    }
}

/// Answers `GET /<n>` with `n` bytes, until the client has ended or wants no more.
async fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(1024);
    while stream.read_buf(&mut request).await? > 0 {
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&request);
        let length = text.split(['/', ' ']).nth(2).and_then(|length| length.parse().ok()).unwrap_or(0_usize);
        let is_last = text.contains("Connection: close");
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        // What is short goes with its head, in one packet.
        let with_head = length.min(SHORT);
        answer.extend_from_slice(&CHUNK[..with_head]);
        stream.write_all(&answer).await?;
        let mut missing = length - with_head;
        while missing > 0 {
            missing -= stream.write(&CHUNK[..missing.min(CHUNK.len())]).await?;
        }
        request.clear();
        if is_last {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

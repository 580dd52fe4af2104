//! A client that costs little: HTTP/1.1 by hand over TLS, one connection each.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::server::Credentials;

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Endpoint {
    address: SocketAddr,
    tls: TlsConnector,
}

/// One kept-alive connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    received: BytesMut,
}

/// What came back, but for the body's contents.
pub struct Answer {
    pub code: u16,
    /// Of the body, in bytes.
    pub length: usize,
}

/// What an answer's head says.
struct Head {
    code: u16,
    /// Absent in a stream.
    length: Option<usize>,
    /// Bytes of the head itself.
    size: usize,
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: api_load/1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl Endpoint {
    pub fn new(address: SocketAddr, credentials: Credentials) -> std::result::Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(credentials.authority)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![credentials.certificate], credentials.key)?;
        Ok(Self { address, tls: Arc::new(config).into() })
    }

    pub async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::from(self.address.ip()), stream).await?;
        Ok(Connection { stream, received: BytesMut::with_capacity(64 * 1024) })
    }
}

impl Connection {
    /// Sends a request and reads its whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let head = self.send(request).await?;
        let length = head.length.ok_or_else(|| garbled("an answer without a length"))?;
        let mut missing = length;
        loop {
            let here = missing.min(self.received.len());
            self.received.advance(here);
            missing -= here;
            if missing == 0 {
                return Ok(Answer { code: head.code, length });
            }
            self.receive().await?;
        }
    }

    /// Sends a request whose answer is a stream.
    pub async fn open(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.send(request).await?.code)
    }

    /// How many lines of a stream end in what arrives next. JSON has no line ends within, and those of chunks come with a carriage return;
    /// where one of these is cut in two, the sum over several calls is right again.
    pub async fn lines(&mut self) -> Result<i64> {
        if self.received.is_empty() {
            self.receive().await?;
        }
        let lines = self.received.iter().map(|byte| i64::from(*byte == b'\n') - i64::from(*byte == b'\r')).sum();
        self.received.clear();
        Ok(lines)
    }

    async fn send(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        loop {
            if let Some(head) = head(&self.received)? {
                self.received.advance(head.size);
                return Ok(head);
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn head(received: &[u8]) -> Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..end]).map_err(|_| garbled("a head that is no text"))?;
    let code = text.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| garbled("a head without a status"))?;
    let named = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = named.and_then(|(_, length)| length.trim().parse().ok());
    Ok(Some(Head { code, length, size: end + 4 }))
}

fn garbled(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
